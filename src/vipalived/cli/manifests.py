"""Commands that make Kubernetes objects: Day 2's DaemonSet, Day 1's static pod."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vipalived.cli.options import Assignment, load_settings, namespaced, release_options, values_options, warn
from vipalived.errors import Problem

if TYPE_CHECKING:
    from vipalived.settings import Settings


@click.command(
    epilog="""\b
Examples:
  vipalived template -f values.yaml | kubectl apply -f -
  vipalived template --release-name my-vipalived --set nodeSelector=null
"""
)
@values_options
@release_options
def template(
    values: tuple[Path, ...], assignments: tuple[Assignment, ...], release_name: str, namespace: str | None
) -> None:
    """Print the objects that Helm would install.

    ConfigMap and DaemonSet (Day 2), or with `static: true` the static pod (Day 1).
    """
    click.echo(_text(_settings(values, assignments, namespace), release_name), nl=False)


@click.command(
    name="static-pod",
    epilog="""\b
Examples:
  sudo vipalived static-pod -f values.yaml --out /etc/kubernetes/manifests
  sudo vipalived static-pod -f values.yaml --out /etc/kubernetes/manifests --node cp-1
  sudo vipalived static-pod --out /etc/kubernetes/manifests --remove
  vipalived static-pod -f values.yaml > vipalived.yaml
""",
)
@values_options
@release_options
@click.option("--node", metavar="NAME", help="Leave out what `nodes` has for other nodes than this one.")
@click.option(
    "-o",
    "--out",
    "folder",
    metavar="DIR",
    default="-",
    type=click.Path(path_type=Path, allow_dash=True, readable=False),
    help="Put it into this folder, kubelet's; `-`, the default, is stdout.",
)
@click.option("--remove", is_flag=True, help="Take it out of the folder again.")
def static_pod(
    values: tuple[Path, ...],
    assignments: tuple[Assignment, ...],
    release_name: str,
    namespace: str | None,
    node: str | None,
    folder: Path,
    remove: bool,
) -> None:
    """Print Day 1's static pod, or put it into kubelet's folder.

    kubelet runs it before there is an API server. It needs no other object, as the configuration is
    inline, and without `--node` the same file serves every control plane node.

    With `--out` the file is there whole or not at all, and what changed is shown. A file that says the same
    already is left alone, as kubelet would start the pod anew; a file that is not ours, too.
    """
    on_stdout = str(folder) == "-"
    if remove and on_stdout:
        raise click.UsageError("`--remove` needs the folder: `--out DIR`")
    # Of what is taken away nobody needs a warning.
    settings = _settings(values, [*assignments, Assignment("static=true")], namespace, warns=not remove)
    if remove:
        _take_away(folder / _file_name(settings, release_name))
        return
    if node is not None:
        settings = _of_node(settings, node)
    text = _text(settings, release_name)
    if on_stdout:
        click.echo(text, nl=False)
    else:
        _put(folder / _file_name(settings, release_name), text)


def _settings(
    values: Sequence[Path], assignments: Sequence[Assignment], namespace: str | None, *, warns: bool = True
) -> Settings:
    return load_settings(values, [*assignments, *namespaced(namespace)], warns=warns)


def _text(settings: Settings, release_name: str) -> str:
    from vipalived.render.manifests import manifests
    from vipalived.render.text import to_yaml

    return to_yaml(manifests(settings, release_name))


def _file_name(settings: Settings, release_name: str) -> str:
    """After the pod, so that two releases on one node do not meet in one file."""
    from vipalived.render.manifests import fullname

    return f"{fullname(settings, release_name)}.yaml"


def _of_node(settings: Settings, name: str) -> Settings:
    """Without what `nodes` has for others: a change to theirs is then none to this node's file.

    Most nodes have nothing of their own, so a name that `nodes` lacks is no error; but it may be misspelt.
    """
    from vipalived.settings.model import DNS_SUBDOMAIN

    if not re.fullmatch(DNS_SUBDOMAIN, name):
        raise click.BadParameter(f"expected a node name, found `{name}`", param_hint="--node")
    if settings.nodes and name not in settings.nodes:
        known = ", ".join(f"`{node}`" for node in settings.nodes)
        warn(
            Problem(
                "nodes", f"nothing for `{name}`, which gets the values for all nodes", f"there is {known}"
            )
        )
    return settings.model_copy(
        update={"nodes": {key: settings.nodes[key] for key in settings.nodes if key == name}}
    )


def _put(path: Path, text: str) -> None:
    from vipalived.cli.manifest_file import place

    placed = place(path, text)
    for line in placed.diff:
        click.echo(_coloured(line))
    click.echo(f"{'written' if placed.written else 'unchanged'}: {path}")


def _take_away(path: Path) -> None:
    from vipalived.cli.manifest_file import remove

    click.echo(f"{'removed' if remove(path) else 'nothing to remove'}: {path}")


def _coloured(line: str) -> str:
    """A line of a diff; click leaves the colours out where nobody would see them."""
    if line.startswith(("---", "+++")):
        return click.style(line, bold=True)
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return click.style(line, fg=colour) if colour else line
