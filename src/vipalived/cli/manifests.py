"""Commands that print Kubernetes objects: Day 2's DaemonSet, Day 1's static pod."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from vipalived.cli.options import load_settings, values_options

_NAMES = (
    click.option(
        "--release-name",
        default="vipalived",
        show_default=True,
        help="Name of the Helm release that the objects belong to.",
    ),
    click.option("--namespace", metavar="NAME", help="Namespace of the objects, as `--set namespace=NAME`."),
)


def _names(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in _NAMES:
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  vipalived template -f values.yaml | kubectl apply -f -
  vipalived template --release-name my-vipalived --set nodeSelector=null
"""
)
@values_options
@_names
def template(
    values: tuple[Path, ...], assignments: tuple[str, ...], release_name: str, namespace: str | None
) -> None:
    """Print the objects that Helm would install.

    ConfigMap and DaemonSet (Day 2), or with `static: true` the static pod (Day 1).
    """
    _print(values, assignments, release_name, namespace)


@click.command(
    name="static-pod",
    epilog="""\b
Examples:
  vipalived static-pod --set keepalived.vrrpInstance.virtualIpAddress=192.168.1.100/24 > vipalived.yaml
  sudo install -m 600 vipalived.yaml /etc/kubernetes/manifests/
""",
)
@values_options
@_names
def static_pod(
    values: tuple[Path, ...], assignments: tuple[str, ...], release_name: str, namespace: str | None
) -> None:
    """Print the static pod for Day 1.

    kubelet runs it before there is an API server. It needs no other object, as the configuration is
    inline, and the same file serves every control plane node.
    """
    _print(values, [*assignments, "static=true"], release_name, namespace)


def _print(
    values: tuple[Path, ...],
    assignments: list[str] | tuple[str, ...],
    release_name: str,
    namespace: str | None,
) -> None:
    from vipalived.render.manifests import manifests, to_yaml

    namespaced = [f"namespace={namespace}"] if namespace is not None else []
    settings = load_settings(values, [*assignments, *namespaced])
    click.echo(to_yaml(manifests(settings, release_name)), nl=False)
