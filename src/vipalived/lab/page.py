"""The report as one self-contained HTML page: the table, the distributions, a timeline per trial.

Pure but for the template, `page.html.j2`; this module works out where everything is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vipalived.lab.results import Report, Summary, Trial
from vipalived.lab.scenarios import SCENARIOS

WIDTH = 1000.0
"""The pictures' width in their own units; they scale with the page."""
COLOURS = 8
"""The template has so many node colours; with more nodes they come round again."""
_LOWEST, _HIGHEST = 1.0, 60_000.0
_TICKS = (1, 10, 100, 1000, 10_000)
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_LONGEST_LEGEND = 12
_ROW = 18.0
_MANY = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a timeline, in the picture's units. `colour` is a node's number, None for nobody."""

    x: float
    width: float
    colour: int | None
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at one place: a tick of a scale, a dot, a moment in which the lab did something."""

    x: float
    label: str
    y: float = 0.0
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Who answered when, in one trial."""

    trial: Trial
    bars: Sequence[Bar]
    marks: Sequence[Mark]
    ticks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Group:
    """The pictures of one scenario: those to look at, and where they are many, all of them."""

    scenario: str
    says: str
    shown: Sequence[Timeline]
    all: Sequence[Timeline]


@dataclass(frozen=True, slots=True)
class Strip:
    """The figures of one scenario and engine as dots on a logarithmic scale, with the bound if there is one."""

    row: Summary
    dots: Sequence[Mark]
    bound: float | None


def logarithmic(value: float) -> float:
    """Where a number of milliseconds lies on the scale; everything below 1 ms lies at 0."""
    inside = min(max(value, _LOWEST), _HIGHEST)
    return round(WIDTH * math.log(inside / _LOWEST) / math.log(_HIGHEST / _LOWEST), 1)


def strip(row: Summary, trials: Iterable[Trial]) -> Strip:
    """The dots of one row, spread a little so that equal ones are seen."""
    counted = [trial for trial in trials if trial.counts and trial.figure_ms is not None]
    dots = [
        Mark(
            x=logarithmic(trial.figure_ms or 0.0),
            label=f"trial {trial.trial}: {trial.figure_ms} ms".replace("inf ms", "never"),
            y=_ROW * ((index * 0.618) % 1 - 0.5) * 0.6,
            bad=trial.missed is not None,
        )
        for index, trial in enumerate(counted)
    ]
    return Strip(row, dots, None if row.bound_ms is None else logarithmic(row.bound_ms))


def timeline(trial: Trial, nodes: Sequence[str]) -> Timeline | None:
    """The picture of one trial; None where it has no figures."""
    if trial.window_ms is None:
        return None
    start, end = trial.window_ms
    scale = WIDTH / max(end - start, 1.0)

    def place(moment: float) -> float:
        return round((min(max(moment, start), end) - start) * scale, 2)

    bars = [
        Bar(
            x=place(begin),
            # A lost datagram in a minute of answers would be too thin to see.
            width=max(place(finish) - place(begin), 1.5 if node is None else 0.0),
            colour=None if node is None else nodes.index(node) % COLOURS,
            title=f"{node or 'nobody'}: {begin:.1f} to {finish:.1f} ms, {finish - begin:.1f} ms",
        )
        for node, begin, finish in trial.answered_by
    ]
    return Timeline(
        trial=trial,
        bars=[*(bar for bar in bars if bar.colour is not None), *(bar for bar in bars if bar.colour is None)],
        marks=_without_crowding([Mark(place(moment), text) for moment, text in trial.marks]),
        ticks=[Mark(place(second * 1000), f"{second:g} s") for second in _seconds(start, end)],
    )


def _without_crowding(marks: Sequence[Mark]) -> list[Mark]:
    """The marks, each label in the first of the lines where it does not run into the one before."""
    placed: list[Mark] = []
    ends: list[float] = []
    for mark in marks:
        line = next((index for index, end in enumerate(ends) if end < mark.x), len(ends))
        ends[line : line + 1] = [mark.x + 7.0 * len(mark.label) + 10]
        placed.append(Mark(mark.x, mark.label, y=line * 14.0))
    return placed


def _seconds(start: float, end: float) -> list[float]:
    """Round seconds in the window, about ten of them."""
    step = next((step for step in _STEPS if (end - start) / 1000 / step <= _LONGEST_LEGEND), _STEPS[-1])
    first = math.ceil(start / 1000 / step)
    return [round(number * step, 3) for number in range(first, math.floor(end / 1000 / step) + 1)]


def page(report: Report) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    nodes: list[str] = list(report.lab["nodes"])
    pictures = (timeline(trial, nodes) for trial in report.trials)
    environment = Environment(
        loader=PackageLoader("vipalived.lab", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        report=report,
        rows=report.summary(),
        spoilt=report.spoilt(),
        strips=[strip(row, _of(report, row)) for row in report.summary()],
        scale=[Mark(logarithmic(tick), f"{tick:,} ms") for tick in _TICKS],
        groups=list(_groups([picture for picture in pictures if picture is not None])),
        failed=[trial for trial in report.trials if trial.error is not None],
        nodes=list(enumerate(nodes)),
        colours=COLOURS,
        width=WIDTH,
        row_height=_ROW,
    )


def _of(report: Report, row: Summary) -> list[Trial]:
    wanted = (row.scenario, row.engine)
    return [trial for trial in report.trials if (trial.scenario, trial.engine) == wanted]


def group(scenario: str, pictures: Sequence[Timeline]) -> Group:
    """All pictures where they are few; else the worst trial of each engine, and all of them behind it."""
    says = SCENARIOS[scenario].says
    if len(pictures) <= _MANY:
        return Group(scenario, says, pictures, ())
    worst: dict[str, Timeline] = {}
    for picture in sorted(pictures, key=lambda it: (it.trial.counts, it.trial.figure_ms or 0.0)):
        worst[picture.trial.engine] = picture
    return Group(scenario, says, [picture for picture in pictures if picture in worst.values()], pictures)


def _groups(pictures: Sequence[Timeline]) -> Iterator[Group]:
    for scenario in dict.fromkeys(picture.trial.scenario for picture in pictures):
        yield group(scenario, [picture for picture in pictures if picture.trial.scenario == scenario])
