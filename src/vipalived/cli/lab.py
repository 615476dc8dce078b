"""`vipalived lab`: options in, a table out. The work is in `vipalived.lab`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from vipalived.cli.main import INTERRUPTED
from vipalived.cli.options import read_layers, values_options
from vipalived.errors import ExitCode

if TYPE_CHECKING:
    from vipalived.lab.results import Report, Summary, Trial
    from vipalived.lab.run import Order

SCENARIOS = ("control", "stop", "crash", "kill", "freeze", "partition", "rolling", "return")
ENGINES = ("keepalived", "keepalived-0.2.3", "native", "native-and-keepalived", "keepalived-and-native")
_PIPED_WIDTH = 100

EXAMPLES = """
\b
Examples:
  vipalived lab run
  vipalived lab run -f values.yaml --scenario stop --scenario crash --html lab.html
  vipalived lab run --engine keepalived --engine keepalived-0.2.3 --repeat 20 --json lab.json
"""


@click.group()
def lab() -> None:
    """Rehearse a values file: a real VIP failing over on this machine."""


@lab.command(epilog=EXAMPLES)
@values_options
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(ENGINES),
    help="What holds the VIP (repeatable; engines take turns).  [default: keepalived]",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    type=click.Choice((*SCENARIOS, "all")),
    help="What happens to the holder (repeatable).  [default: all]",
)
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Trials of each scenario and engine.",
)
@click.option(
    "--nodes", type=click.IntRange(2, 100), help="Number of nodes.  [default: 3, or all that the values name]"
)
@click.option(
    "--keepalived", metavar="PATH", default="keepalived", help="Another keepalived than the one on PATH."
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here."
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with pictures here.",
)
@click.option(
    "--keep-logs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep each trial's logs in this directory.",
)
def run(
    values: tuple[Path, ...],
    assignments: tuple[str, ...],
    engines: tuple[str, ...],
    scenarios: tuple[str, ...],
    repeat: int,
    nodes: int | None,
    keepalived: str,
    json_file: Path | None,
    html_file: Path | None,
    keep_logs: Path | None,
) -> None:
    """Build nodes and a client in namespaces, let scenarios happen, and show what the client saw.

    Needs neither root nor a cluster, touches no network of this machine, and leaves nothing behind.
    Exit code 1 says that a bound was broken, or that the control lost datagrams.
    """
    from vipalived.lab import launch, run

    chosen = SCENARIOS if not scenarios or "all" in scenarios else tuple(dict.fromkeys(scenarios))
    order = run.Order(
        layer=read_layers(values, assignments)[0],
        engines=tuple(dict.fromkeys(engines)) or ENGINES[:1],
        scenarios=chosen,
        repeat=repeat,
        nodes=nodes,
        keepalived=keepalived,
    )
    for warning in launch.warnings(order):
        click.echo(f"warning: {warning}", err=True)
    sys.exit(launch.launch(order, json_file, html_file, keep_logs))


@lab.command(hidden=True)
@click.argument("descriptor", type=int)
def inside(descriptor: int) -> None:
    """What `run` starts inside the namespaces."""
    from vipalived.lab import run

    signal.signal(signal.SIGINT, _interrupt)
    with os.fdopen(descriptor) as file:
        order = run.Order.from_json(file.read())
    audience = _Audience(order)
    with audience.progress:
        report, complete = run.carry_out(order, audience)
    _table(report)
    sys.exit(_verdict(report, order, complete=complete))


def _interrupt(*_: object) -> NoReturn:
    """Once; the shell that started us may have told SIGINT to be ignored, and Python follows that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


class _Audience:
    """Shows each trial as a line, and a bar for all of them where there is a terminal."""

    def __init__(self, order: Order) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = Progress(
            *columns,
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            refresh_per_second=2,  # drawing takes time from the nodes
        )
        self._task = self.progress.add_task("building the lab", total=sum(1 for _ in order.programme()))

    def begins(self, number: int, scenario: str, engine: str) -> None:
        self.progress.update(self._task, description=f"{scenario} {number}, {engine}")

    def ended(self, trial: Trial, details: str | None) -> None:
        self.progress.advance(self._task)
        self.console.print(_line(trial), highlight=False, soft_wrap=True)
        if (trial.error or not trial.recovered) and details:
            self.console.print(details, highlight=False, markup=False, soft_wrap=True)


def _line(trial: Trial) -> str:
    head = f"{trial.scenario:<10} {trial.engine:<17} {trial.trial:>3}  "
    if trial.blackout_ms is None:
        return f"{head}[red]failed: {trial.error}[/]"
    figures = f"{trial.blackout_ms:>9.1f} ms of {trial.bound_ms:.0f}  {trial.holder} -> {trial.successor}"
    if trial.void:
        return f"{head}{figures}  [yellow]void: {trial.void}[/]"
    return f"{head}{figures}" + (f"  [red]{trial.missed}[/]" if trial.missed else "")


def _table(report: Report) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"Longest time without an answer from {report.lab['vip']}, ms",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in ("scenario", "engine"):
        table.add_column(column, no_wrap=True)
    for column in ("trials", "median", "p99", "max", "bound", "missed", "void"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in report.summary():
        table.add_row(row.scenario, row.engine, *_figures(row))
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    Console(width=width).print(table)


def _figures(row: Summary) -> Iterator[str]:
    yield str(row.trials)
    for figure in (row.median_ms, row.p99_ms, row.max_ms):
        over = figure is not None and figure > row.bound_ms
        text = "-" if figure is None else f"{figure:.1f}"
        yield f"[red]{text}[/]" if over else text
    yield f"{row.bound_ms:.0f}"
    yield f"[red]{row.missed}[/]" if row.missed else "0"
    yield str(row.void or "")


def _verdict(report: Report, order: Order, *, complete: bool) -> int:
    from vipalived.lab import run

    if report.spoilt():
        click.echo(
            "the control lost datagrams: this machine was too busy, and the run counts for nothing", err=True
        )
    if run.failures(report, order):
        click.echo("not every trial was within its bound", err=True)
    if not complete:
        click.echo("interrupted: the figures are of the trials that were finished", err=True)
        return INTERRUPTED
    return ExitCode.FAILED if report.spoilt() or run.failures(report, order) else ExitCode.OK
