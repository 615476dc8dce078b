"""Commands about values: are they right, what are they, what does keepalived get."""

from __future__ import annotations

from pathlib import Path

import click

from vipalived.cli.options import load_settings, read_layers, values_options


@click.command(
    epilog="""\b
Examples:
  vipalived check -f values.yaml
  vipalived check -f values.yaml -f site.yaml --set keepalived.vrrpVersion=2
"""
)
@values_options
def check(values: tuple[Path, ...], assignments: tuple[str, ...]) -> None:
    """Check the values.

    Says every problem at once. Exit code 2 says that they cannot. Warnings alone exit with 0.
    """
    settings = load_settings(values, assignments)
    vips = ", ".join(settings.vip_texts)
    click.echo(
        f"values are valid: {vips} on virtual router {settings.keepalived.vrrp_instance.virtual_router_id}"
    )


@click.command(epilog="\b\nExamples:\n  vipalived values > values.yaml\n  vipalived values -f values.yaml")
@values_options
def values(values: tuple[Path, ...], assignments: tuple[str, ...]) -> None:
    """Print all values.

    The documented defaults, or with -f or --set the values in effect.
    """
    if not values and not assignments:
        from vipalived.render.chart import values_yaml

        click.echo(values_yaml(), nl=False)
        return
    from vipalived.render.manifests import to_yaml
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
def config(values: tuple[Path, ...], assignments: tuple[str, ...]) -> None:
    """Print keepalived.conf.

    One file serves every node: where nodes differ, keepalived picks its lines by `--config-id NODE`.
    """
    from vipalived.render import keepalived

    click.echo(keepalived.render(load_settings(values, assignments)), nl=False)
