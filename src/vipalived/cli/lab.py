"""`vipalived lab`: options in, a table out. The work is in `vipalived.lab`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vipalived.cli.lab_screen import show, time_left, trial_line
from vipalived.cli.main import INTERRUPTED
from vipalived.cli.options import Assignment, read_layers, values_options
from vipalived.cli.screen import duration
from vipalived.errors import ExitCode

if TYPE_CHECKING:
    from vipalived.lab.programme import Case, Order
    from vipalived.lab.results import Report, Trial

SCENARIOS = (
    *("control", "stop", "crash", "kill", "freeze", "partition", "rolling", "return"),
    *("deaf-start", "reload", "flap", "pause-all", "load"),
    *("api-crash", "api-stop", "api-hang", "api-all-down", "api-elsewhere", "api-all-slow", "api-slow"),
    *("services-stop", "day-1", "release"),
)
API = (*(name for name in SCENARIOS if name.startswith("api-")), "services-stop", "day-1")
MIXED = ("mixed-stop", "mixed-crash")
"""With both engines in one cluster, in every form of VRRP; they bring their engines along."""
ENGINES = ("native", "keepalived", "keepalived-check", "keepalived-0.2.3")
_PIPED_WIDTH = 120

EXAMPLES = """
\b
Examples:
  vipalived lab run
  vipalived lab run -f values.yaml --scenario stop --scenario crash --html lab.html
  vipalived lab run --engine native --engine keepalived --repeat 20 --json lab.json
  vipalived lab run --scenario mixed
"""


@click.group()
def lab() -> None:
    """Rehearse a values file: a VIP failing over on this machine."""


@lab.command(epilog=EXAMPLES)
@values_options
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(ENGINES),
    help="What holds the VIP (repeatable; engines take turns).  [default: the values' `engine`]",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    type=click.Choice((*SCENARIOS, *MIXED, "api", "mixed", "all")),
    help="What happens (repeatable). `api` stands for all that happen to API servers, `mixed` for both that have"
    " two engines in one cluster, in every form of VRRP, and `all` for all but those two.  [default: all]",
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
    "--keepalived",
    metavar="PATH",
    help="Another keepalived than the one on PATH.",
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
    assignments: tuple[Assignment, ...],
    engines: tuple[str, ...],
    scenarios: tuple[str, ...],
    repeat: int,
    nodes: int | None,
    keepalived: str | None,
    json_file: Path | None,
    html_file: Path | None,
    keep_logs: Path | None,
) -> None:
    """Build nodes and a client in namespaces, let scenarios happen, and show what the client saw.

    Needs neither root nor a cluster, touches no network of this machine, and leaves nothing behind.
    The daemons have the capabilities of the pods and, in `load` and `api-slow`, a CPU limit of 100m.
    Exit code 1 says that a bound was broken, or that the control lost datagrams.
    """
    from vipalived.lab import launch
    from vipalived.lab.programme import Order

    _refuse_confusion(json_file, html_file, keep_logs)
    layer = read_layers(values, assignments)[0]
    # What the values deploy: the chart's own default is keepalived.
    default = layer.get("engine") or "keepalived"
    order = Order(
        layer=layer,
        engines=tuple(dict.fromkeys(engines)) or (default,),
        scenarios=_chosen(scenarios),
        repeat=repeat,
        nodes=nodes,
        keepalived=keepalived or "keepalived",
    )
    warnings = launch.warnings(order)
    _refuse_idle(order, engines=bool(engines), keepalived=keepalived is not None)
    if not engines and not _all_mixed(order):
        click.echo(f"rehearsing {default}, as the values deploy it; `--engine` rehearses another", err=True)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    sys.exit(launch.launch(order, json_file, html_file, keep_logs))


def _refuse_confusion(json_file: Path | None, html_file: Path | None, keep_logs: Path | None) -> None:
    """Outputs that would end up elsewhere than where somebody looks for them."""
    for option, path in (("--json", json_file), ("--html", html_file)):
        if path is not None and str(path) == "-":
            raise click.UsageError(f"`{option}` writes a file, and `-` would be one of that name")
    if json_file is not None and html_file is not None and json_file.resolve() == html_file.resolve():
        raise click.UsageError(f"`--json` and `--html` would both write `{json_file}`")
    if keep_logs is not None and keep_logs.is_dir() and any(keep_logs.iterdir()):
        raise click.UsageError(f"`--keep-logs` expects a new or an empty directory, and `{keep_logs}` is not")


def _refuse_idle(order: Order, *, engines: bool, keepalived: bool) -> None:
    """Options that would do nothing; whether `--engine` and `--keepalived` are among them."""
    mixed = set(MIXED) & set(order.scenarios)
    if engines and _all_mixed(order):
        raise click.UsageError("`mixed` brings both engines along, and `--engine` would do nothing")
    if keepalived and not mixed and set(order.engines) == {"native"}:
        raise click.UsageError("`--keepalived` names a program that no engine of this run starts")
    named = len(order.settings().nodes)
    if order.nodes is not None and named > order.nodes:
        raise click.UsageError(
            f"`--nodes {order.nodes}` leaves out some of the {named} nodes that the values name;"
            " expected as many, or more"
        )


def _all_mixed(order: Order) -> bool:
    """Whether every scenario brings its engines along."""
    return set(order.scenarios) <= set(MIXED)


def _chosen(scenarios: tuple[str, ...]) -> tuple[str, ...]:
    """The scenarios that the options name, in the options' order, each once."""
    meaning = {"all": SCENARIOS, "api": API, "mixed": MIXED}
    named = (name for word in scenarios or ("all",) for name in meaning.get(word, (word,)))
    return tuple(dict.fromkeys(named))


@lab.command(hidden=True)
@click.argument("descriptor", type=int)
def inside(descriptor: int) -> None:
    """What `run` starts inside the namespaces."""
    from rich.console import Console

    from vipalived.lab import run
    from vipalived.lab.programme import Order

    # An exception out of a signal could hit between a process's start and the note of it.
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    with os.fdopen(descriptor) as file:
        order = Order.from_json(file.read())
    programme = order.programme()
    trials = f"{len(programme)} trial{'' if len(programme) == 1 else 's'}"
    click.echo(f"{trials}, about {duration(sum(case.lasts for case in programme))}", err=True)
    audience = _Audience(programme)
    with audience.progress:
        report, complete = run.carry_out(order, audience, interrupted.is_set)
    show(Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH), report)
    sys.exit(_verdict(report, order, complete=complete))


class _Audience:
    """Shows each trial as a line, and a bar for all of them where there is a terminal."""

    def __init__(self, programme: Sequence[Case]) -> None:
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console(stderr=True)
        columns = (MofNCompleteColumn(), TimeElapsedColumn(), time_left(), TextColumn("{task.description}"))
        self.progress = Progress(
            *columns,
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
            refresh_per_second=2,  # drawing takes time from the nodes
        )
        self._names = [case.scenario for case in programme], [case.engine.name for case in programme]
        self._task = self.progress.add_task("building the lab", total=len(programme))

    def begins(self, case: Case) -> None:
        self._trial = f"{case.scenario} {case.number}, {case.engine.name}"
        self.progress.update(self._task, description=self._trial, until=None)

    def waits(self, phase: str, seconds: float) -> None:
        self.progress.update(
            self._task, description=f"{self._trial}: {phase}", until=self.progress.get_time() + seconds
        )

    def ended(self, trial: Trial, details: str | None) -> None:
        self.progress.advance(self._task)
        self.console.print(trial_line(trial, *self._names), highlight=False, soft_wrap=True)
        if (trial.error or not trial.recovered) and details:
            self.console.print(details, highlight=False, markup=False, soft_wrap=True)


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
