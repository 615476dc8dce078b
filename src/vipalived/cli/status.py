"""`vipalived status`, `release` and `rejoin`: what an operator, or a probe, asks of the agent on this node."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from vipalived.cli.options import parse_duration, run_directory_option
from vipalived.errors import CheckFailed, ExitCode, VipalivedError

if TYPE_CHECKING:
    from vipalived.agent.snapshot import Snapshot

STATUS = """
\b
Examples:
  vipalived status
  vipalived status -o wide --watch
  vipalived status -o json | jq .master.address
  kubectl -n kube-system exec ds/vipalived -- vipalived status
\b
Exit codes:
  0  the node is in a good state: it is Master or knows a living one, and nothing is wrong
  1  something is wrong, and shown; or no agent answers
  4  this user may not ask the agent
"""
RELEASE = """
\b
Examples:
  vipalived release
  vipalived release --for 10m
"""
REJOIN = """
\b
Example:
  vipalived rejoin
"""
_BETWEEN: Final = 0.05
_TAKING_PART: Final = {"ADOPTING", "CLAIMING", "MASTER", "RESIGNING"}


@click.command(epilog=STATUS)
@run_directory_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(("text", "wide", "json", "yaml")),
    default="text",
    show_default=True,
    help="Form; `wide` adds peers, transitions, and what was refused.",
)
@click.option("-w", "--watch", is_flag=True, help="Show it anew each second, until Ctrl-C.")
def status(run_directory: Path, output: str, watch: bool) -> int:
    """Show who holds the VIP, and how the agent on this node is.

    Exits with 0 only when the node is in a good state, so that it serves as a probe command.
    """
    if not watch:
        now = _snapshot(run_directory)
        click.echo(_shown(now, output))
        return ExitCode.OK if now.good else ExitCode.FAILED
    if output not in {"text", "wide"}:
        raise click.UsageError("`--watch` shows `text` or `wide` only")
    _watch(run_directory, output)
    return ExitCode.OK


def _snapshot(directory: Path) -> Snapshot:
    from vipalived.agent.client import ask
    from vipalived.agent.snapshot import Snapshot

    return Snapshot.from_json(ask(directory, "status"))


def _shown(now: Snapshot, output: str) -> str:
    match output:
        case "json":
            return json.dumps(now.to_json(), indent=2)
        case "yaml":
            import yaml

            # As JSON has it: YAML would tell tuples from lists.
            return yaml.safe_dump(json.loads(json.dumps(now.to_json())), sort_keys=False).rstrip()
        case _:
            from vipalived.cli.screen import screen

            return screen(now, wide=output == "wide")


def _watch(directory: Path, output: str) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        while True:
            try:
                text = _shown(_snapshot(directory), output)
            except VipalivedError as error:
                text = click.style(error.message, fg="red")
            live.update(Text.from_ansi(text), refresh=True)
            time.sleep(1)


@click.command(epilog=RELEASE)
@run_directory_option
@click.option("--for", "seconds", callback=parse_duration, metavar="DURATION", help="Rejoin after so long.")
def release(run_directory: Path, seconds: float | None) -> None:
    """Give the VIP away and stay out, for a drain or an upgrade.

    Returns when another node has taken over, or at once if this one does not hold the VIP. Lasts until `vipalived
    rejoin` or a restart of the pod.
    """
    from vipalived.agent.client import ask

    ask(run_directory, "release", seconds=seconds)
    now = _once_it_is_out(run_directory)
    master = now.master
    by = f"{master.address} is Master" if master is not None else "no other Master has been heard"
    click.echo(f"released{_until(now)}: {by}")


def _once_it_is_out(directory: Path) -> Snapshot:
    now = _snapshot(directory)
    # A Master that resigns waits for its successor for one Master_Down_Interval at most.
    end = time.monotonic() + 2 * now.master_down_interval
    while now.state in _TAKING_PART:
        if time.monotonic() > end:
            raise CheckFailed(f"released, but this node is still {now.state}")
        time.sleep(_BETWEEN)
        now = _snapshot(directory)
    return now


def _until(now: Snapshot) -> str:
    if now.released_until is None:
        return ""
    from vipalived.cli.screen import clock

    return f" until {clock(now, now.released_until)}"


@click.command(epilog=REJOIN)
@run_directory_option
def rejoin(run_directory: Path) -> None:
    """Take part in elections again after `vipalived release`."""
    from vipalived.agent.client import ask

    ask(run_directory, "rejoin")
    click.echo("rejoined")
