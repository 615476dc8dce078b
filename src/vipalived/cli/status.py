"""`vipalived status`, `release` and `rejoin`: what an operator, or a probe, asks of the agent on this node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
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
  vipalived release --force --timeout 5s
\b
Exit codes:
  0  this node is out, and what was the VIP's Master then is shown
  1  nobody else took the VIP, so this node kept it; or it was not out in time
"""
REJOIN = """
\b
Example:
  vipalived rejoin
\b
Exit codes:
  0  this node takes part, and knows a Master
  1  it does not yet
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


_timeout = click.option(
    "--timeout",
    callback=parse_duration,
    metavar="DURATION",
    help="Wait no longer; by default twice the Master_Down_Interval.",
)


@click.command(epilog=RELEASE)
@run_directory_option
@click.option("--for", "seconds", callback=parse_duration, metavar="DURATION", help="Rejoin after so long.")
@click.option("--force", is_flag=True, help="Let the VIP go even if nobody else takes it.")
@_timeout
def release(run_directory: Path, seconds: float | None, force: bool, timeout: float | None) -> None:
    """Give the VIP away and stay out, for a drain or an upgrade.

    Returns when another node has taken over, or at once if this one does not hold the VIP. Where nobody takes the VIP
    this node keeps it. Lasts until `vipalived rejoin`, or as long as `--for` says, or else until the agent is
    restarted.
    """
    from vipalived.agent.client import ask

    ask(run_directory, "release", seconds=seconds, force=force)
    now = _wait(run_directory, timeout, lambda now: not (now.released and now.state in _TAKING_PART))
    if not now.released:
        raise CheckFailed(
            f"not released: nobody else took the VIP, and this node is {now.state}",
            hint="`vipalived observe` and the status of the other nodes say why; `--force` lets the VIP go regardless",
        )
    if now.state in _TAKING_PART:
        raise CheckFailed(f"released, but this node is still {now.state}")
    click.echo(f"released{_until(now)}: {_master(now)}")


def _wait(directory: Path, timeout: float | None, over: Callable[[Snapshot], bool]) -> Snapshot:
    """What the agent says once something is over, or there is no time left for it."""
    now = _snapshot(directory)
    # A Master that resigns waits for its successor for one Master_Down_Interval at most.
    end = time.monotonic() + (2 * now.master_down_interval if timeout is None else timeout)
    while not over(now) and time.monotonic() <= end:
        time.sleep(_BETWEEN)
        now = _snapshot(directory)
    return now


def _master(now: Snapshot) -> str:
    if now.state == "WAITING":
        return "another instance acts on this node"
    if now.master is None:
        return "no Master has been heard" if not now.released else "no other Master has been heard"
    return "this node is Master" if now.master.ours else f"{now.master.address} is Master"


def _until(now: Snapshot) -> str:
    if now.released_until is None:
        return ""
    from vipalived.cli.screen import clock

    return f" until {clock(now, now.released_until)}"


@click.command(epilog=REJOIN)
@run_directory_option
@_timeout
def rejoin(run_directory: Path, timeout: float | None) -> None:
    """Take part in elections again after `vipalived release`.

    Returns when this node knows a Master, which may be itself.
    """
    from vipalived.agent.client import ask

    ask(run_directory, "rejoin")
    now = _wait(run_directory, timeout, lambda now: now.ready)
    if not now.ready:
        raise CheckFailed(f"rejoined, but {now.unready[0]}")
    click.echo(f"rejoined: {_master(now)}")
