"""Commands about values: are they right, what are they, what does keepalived get."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import to_builtins

from vipalived.cli.options import (
    Assignment,
    kubeconfig_option,
    load_settings,
    namespaced,
    read_layers,
    release_options,
    values_options,
    warn,
)
from vipalived.errors import CheckFailed, ExitCode, InvalidSettings, Problem

if TYPE_CHECKING:
    from vipalived.settings import Settings


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What `check` has found; without errors `vips` and `vrid` say of what."""

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    vips: tuple[str, ...] = ()
    vrid: int | None = None
    nodes: str | None = None
    """Which of the cluster's get a pod, where one was asked."""
    note: str | None = None
    """What one may not expect of values that are valid."""

    def show(self) -> None:
        """For a reader."""
        for warning in self.warnings:
            warn(warning)
        if self.nodes is not None:
            click.echo(self.nodes)
        click.echo(f"values are valid: {', '.join(self.vips)} on virtual router {self.vrid}")
        if self.note is not None:
            click.echo(f"note: {self.note}")


@click.command(
    epilog="""\b
Examples:
  vipalived check -f values.yaml
  vipalived check -f values.yaml -f site.yaml --set keepalived.vrrpVersion=2
  vipalived check -f values.yaml --kubeconfig ~/.kube/config
  vipalived check -f values.yaml --strict -o json | jq .warnings

\b
Exit codes:
  0  the values are valid; there may be warnings
  1  there are warnings, with --strict; or the cluster does not answer
  2  the values cannot be used
"""
)
@values_options
@release_options
@kubeconfig_option
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a warning.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form; `json` is one object, with errors and warnings.",
)
def check(
    values: tuple[Path, ...],
    assignments: tuple[Assignment, ...],
    release_name: str,
    namespace: str | None,
    kubeconfig: Path | None,
    strict: bool,
    output: str,
) -> None:
    """Check the values, as chart, static pod and agent would.

    Says every problem at once, before anything runs. With a kubeconfig also which nodes get a pod, and what else in the
    cluster is in the way; nothing is changed there.
    """
    try:
        found = _judge(values, [*assignments, *namespaced(namespace)], release_name, kubeconfig)
    except InvalidSettings as invalid:
        if output == "text":
            raise
        found = _Verdict(invalid.problems)
    if output == "json":
        click.echo(json.dumps({"valid": not found.errors, **to_builtins(found)}, indent=2))
    else:
        found.show()
    if found.errors:
        click.get_current_context().exit(ExitCode.USAGE)
    if strict and found.warnings:
        count = len(found.warnings)
        raise CheckFailed(f"{count} warning{'' if count == 1 else 's'}, and `--strict` lets none pass")


def _judge(
    values: tuple[Path, ...], assignments: list[Assignment], release_name: str, kubeconfig: Path | None
) -> _Verdict:
    """Raises InvalidSettings."""
    from vipalived.settings import load

    loaded = load(read_layers(values, assignments))
    settings = loaded.settings.of_release(release_name)
    sound = _Verdict(
        warnings=loaded.warnings,
        vips=tuple(settings.vip_texts),
        vrid=settings.vrid,
        note=_unpreempted(settings),
    )
    if kubeconfig is None:
        return sound
    from vipalived.cluster import placement, rivals
    from vipalived.cluster.api import Cluster

    with Cluster(kubeconfig) as cluster:
        placed = placement.place(settings, cluster.nodes())
        # A static pod and the DaemonSet of one virtual router are meant to meet.
        releases = [] if settings.static else cluster.releases()
    others = rivals.problems(settings, release_name, releases)
    return replace(sound, warnings=(*sound.warnings, *placed.problems(), *others), nodes=placed.says)


def _unpreempted(settings: Settings) -> str | None:
    """That the best node leaves the VIP where it is, where some are better than others."""
    nodes = [settings.node(name) for name in ("", *settings.nodes)]
    best = max(nodes, key=lambda node: node.priority)
    if not best.nopreempt or all(node.priority == best.priority for node in nodes):
        return None
    name = best.name or "a node that `nodes` does not name"
    return (
        f"{name} has priority {best.priority}, the highest, and yet takes the VIP back from no other healthy node:"
        " `keepalived.vrrpInstance.nopreempt` is true, so a priority counts only when the VIP is free"
    )


@click.command(epilog="\b\nExamples:\n  vipalived values > values.yaml\n  vipalived values -f values.yaml")
@values_options
def values(values: tuple[Path, ...], assignments: tuple[Assignment, ...]) -> None:
    """Print all values.

    The documented defaults, or with -f or --set the values in effect.
    """
    if not values and not assignments:
        from vipalived.render.chart import values_yaml

        click.echo(values_yaml(), nl=False)
        return
    from vipalived.render.text import to_yaml
    from vipalived.settings import effective_values

    click.echo(to_yaml([effective_values(read_layers(values, assignments))]), nl=False)


@click.command(
    epilog="""\b
Examples:
  vipalived schema --overrides > values.schema.json
  check-jsonschema --schemafile values.schema.json values.yaml

\b
An editor with the YAML language server reads this first line of a values file:
  # yaml-language-server: $schema=values.schema.json
"""
)
@click.option("--overrides", is_flag=True, help="Of a file that says only what differs from the defaults.")
def schema(overrides: bool) -> None:
    """Print the JSON schema of the values.

    It is the chart's, which wants every value to be there, as Helm has them; with --overrides that of one's own file.
    """
    from vipalived.render.chart import overrides_schema, values_schema

    click.echo(overrides_schema() if overrides else values_schema(), nl=False)


@click.command(
    epilog="""\b
Examples:
  vipalived config -f values.yaml > keepalived.conf
  keepalived --config-id cp-1 --use-file=keepalived.conf
"""
)
@values_options
@release_options
def config(
    values: tuple[Path, ...], assignments: tuple[Assignment, ...], release_name: str, namespace: str | None
) -> None:
    """Print keepalived.conf.

    One file serves every node: where nodes differ, keepalived picks its lines by `--config-id NODE`. With
    `interface: auto` or `unicastPeers` the pod's start script completes it.
    """
    from vipalived.render import keepalived

    settings = load_settings(values, [*assignments, *namespaced(namespace)])
    if settings.runs_agent:
        click.echo("note: `engine: native` runs no keepalived; this is what it would get", err=True)
    click.echo(keepalived.render(settings.of_release(release_name)), nl=False)
