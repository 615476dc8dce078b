"""Commands about values: are they right, what are they, what does keepalived get."""

from __future__ import annotations

from pathlib import Path

import click

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


@click.command(
    epilog="""\b
Examples:
  vipalived check -f values.yaml
  vipalived check -f values.yaml -f site.yaml --set keepalived.vrrpVersion=2
  vipalived check -f values.yaml --kubeconfig ~/.kube/config
"""
)
@values_options
@release_options
@kubeconfig_option
def check(
    values: tuple[Path, ...],
    assignments: tuple[Assignment, ...],
    release_name: str,
    namespace: str | None,
    kubeconfig: Path | None,
) -> None:
    """Check the values.

    Says every problem at once. Exit code 2 says that they cannot. Warnings alone exit with 0.
    """
    settings = load_settings(values, [*assignments, *namespaced(namespace)]).of_release(release_name)
    if kubeconfig is not None:
        from vipalived.cluster import placement, rivals
        from vipalived.cluster.api import Cluster

        with Cluster(kubeconfig) as cluster:
            placed = placement.place(settings, cluster.nodes())
            # A static pod and the DaemonSet of one virtual router are meant to meet.
            releases = [] if settings.static else cluster.releases()
        others = rivals.problems(settings, release_name, releases)
        for problem in (*placed.problems(), *others):
            warn(problem)
        click.echo(placed.says)
    vips = ", ".join(settings.vip_texts)
    click.echo(f"values are valid: {vips} on virtual router {settings.vrid}")


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


@click.command()
def schema() -> None:
    """Print the JSON schema of a values file."""
    from vipalived.render.chart import values_schema

    click.echo(values_schema(), nl=False)


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

    One file serves every node: where nodes differ, keepalived picks its lines by `--config-id NODE`.
    """
    from vipalived.render import keepalived

    settings = load_settings(values, [*assignments, *namespaced(namespace)])
    click.echo(keepalived.render(settings.of_release(release_name)), nl=False)
