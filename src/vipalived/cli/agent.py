"""`vipalived agent`: hold the VIP on this node, in the foreground."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vipalived.cli.options import Assignment, read_layers, run_directory_option, values_options
from vipalived.errors import InvalidSettings, Problem

if TYPE_CHECKING:
    from vipalived.agent.plan import Plan

EXAMPLES = """
\b
Examples:
  vipalived agent -f values.yaml --set engine=native
  vipalived agent -f values.yaml --node cp-1
  vipalived agent -f values.yaml --log-format json
  vipalived agent --values-text 'engine: native' --set keepalived.vrrpInstance.interface=eth1
\b
Signals:
  SIGTERM, SIGINT  hand the VIP over and exit; the second one exits at once
  SIGHUP           read the values again (a changed file is noticed without it)
"""


@click.command(epilog=EXAMPLES)
@values_options
@click.option(
    "--values-text",
    envvar="VIPALIVED_VALUES",
    show_envvar=True,
    metavar="TEXT",
    help="The text of a values file, laid below the files.",
)
@click.option(
    "--node",
    envvar="NODE_NAME",
    show_envvar=True,
    metavar="NAME",
    help="This node's name in the values.  [default: the host name]",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="Form of the log lines, as `--set agent.logFormat=...`.",
)
@run_directory_option
def agent(
    values: tuple[Path, ...],
    assignments: tuple[Assignment, ...],
    values_text: str | None,
    node: str | None,
    log_format: str | None,
    run_directory: Path,
) -> int:
    """Run VRRP on this node and hold the VIP when elected.

    The values must say `engine: native`. Runs until SIGTERM and then hands the VIP over before it exits.
    Watches the local API server (`healthCheck`), and takes over changed values files. Needs the capabilities
    NET_ADMIN and NET_RAW. Logs to stderr.
    """
    from vipalived.agent import main
    from vipalived.agent.service import Sources

    name = node or platform.node()
    if log_format is not None:
        assignments += (Assignment(f"agent.logFormat={log_format}"),)

    def read() -> Plan:
        from vipalived.agent.plan import plan
        from vipalived.settings import load

        loaded = load(read_layers(values, assignments, values_text))
        if not loaded.settings.runs_agent:
            message = "expected `native`, found `keepalived`, which runs without an agent"
            hint = "add `--set engine=native`"
            raise InvalidSettings((Problem("engine", message, hint),))
        warnings = tuple(f"{warning} ({warning.hint})" for warning in loaded.warnings)
        return plan(loaded.settings, name, warnings)

    from_stdin, from_others = Path("-") in values, any(one.option == "--set-file" for one in assignments)
    options = (name, values_text or "", *map(repr, assignments))
    return main.run(
        Sources(
            read, () if from_stdin else values, None if from_stdin or from_others else options, run_directory
        )
    )
