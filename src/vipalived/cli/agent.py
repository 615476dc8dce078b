"""`vipalived agent`: hold the VIP on this node, in the foreground."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vipalived.cli.options import load_settings, values_options
from vipalived.errors import InvalidSettings, Problem

if TYPE_CHECKING:
    from vipalived.agent.plan import Plan

EXAMPLES = """
\b
Examples:
  vipalived agent -f values.yaml --set engine=native
  vipalived agent -f values.yaml --set engine=native --node cp-1 --set keepalived.vrrpInstance.interface=eth1
\b
Signals:
  SIGTERM, SIGINT  hand the VIP over and exit; the second one exits at once
  SIGHUP           read the values again
"""


@click.command(epilog=EXAMPLES)
@values_options
@click.option(
    "--node",
    envvar="NODE_NAME",
    show_envvar=True,
    metavar="NAME",
    help="This node's name in the values.  [default: the host name]",
)
def agent(values: tuple[Path, ...], assignments: tuple[str, ...], node: str | None) -> int:
    """Run VRRP on this node and hold the VIP when elected.

    The values must say `engine: native`. Runs until SIGTERM and then hands the VIP over before it exits:
    clients lose nothing. Needs the capabilities NET_ADMIN and NET_RAW. Logs to stderr.
    """
    from vipalived.agent import main

    name = node or platform.node()

    def read() -> Plan:
        from vipalived.agent.plan import plan

        settings = load_settings(values, assignments)
        if settings.engine != "native":
            message = f"`vipalived agent` expected `native`, found `{settings.engine}`"
            hint = "add `--set engine=native`; keepalived runs by itself with what `vipalived config` prints"
            raise InvalidSettings((Problem("engine", message, hint),))
        return plan(settings, name)

    return main.run(read, reloads=Path("-") not in values)
