"""What `vipalived lab run` shows: a line for each trial, and a table of them all that no terminal cuts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn, Task
    from rich.table import Table

    from vipalived.lab.results import Report, Summary, Trial

NOTICED: Final = 150.0
"""Milliseconds: two nodes hold the VIP for less at any hand-over."""

_WIDE: Final = (
    *("scenario", "engine", "trials", "median", "p99", "max", "bound"),
    *("two holders", "two holders' bound", "no holder", "no holder's bound", "no loss", "missed", "void"),
)
_USUAL: Final = ("scenario", "engine", "median", "max", "bound", "two holders", "no holder", "missed")
_NARROW: Final = ("scenario", "engine", "max", "bound", "two holders", "no holder")
_HEADS: Final = {
    "two holders": "two\nholders",
    "two holders' bound": "\nbound",
    "no holder": "no\nholder",
    "no holder's bound": "\nbound",
    "no loss": "no\nloss",
}
_LEFT: Final = {"scenario", "engine"}
_OF_SEVERAL: Final = {"median", "p99", "no loss"}
"""What says of a single trial only what its figure says already."""


def trial_line(trial: Trial, scenarios: Sequence[str], engines: Sequence[str]) -> str:
    """One trial, with the console's markup; as wide as the names of the run need."""
    scenario, engine = (max(map(len, names)) for names in (scenarios, engines))
    head = f"{trial.scenario:<{scenario}}  {trial.engine:<{engine}} {trial.trial:>3} "
    if trial.figure_ms is None:
        return f"{head}[red]failed: {trial.error}[/]"
    bound = trial.figure_bound_ms
    promised = "" if bound is None else f" of {bound:.0f}"
    length = "    never   " if math.isinf(trial.figure_ms) else f"{trial.figure_ms:>9.1f} ms"
    figures = f"{length}{promised:<8}  {trial.holder} -> {trial.successor}"
    if trial.void:
        return f"{head}{figures}  [yellow]void: {trial.void}[/]"
    if trial.missed:
        return f"{head}{figures}  [red]{trial.missed}[/]"
    both = trial.two_holders_ms or 0.0
    return f"{head}{figures}" + (f"  [yellow]two holders for {both:.0f} ms[/]" if both > NOTICED else "")


def time_left() -> ProgressColumn:
    """For a task's field `until`: how many seconds its present wait may still take, in front of what may be cut."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            until = task.fields.get("until")
            left = 0.0 if until is None else until - task.get_time()
            return Text(f"{left:3.0f} s at most" if left >= 0.5 else " " * len("  0 s at most"))

    return Left()


def show(console: Console, report: Report) -> None:
    """The table in the widest form that fits, else a paragraph for each row; and what it does not say."""
    from rich.measure import Measurement

    rows = report.summary()
    single = all(row.trials == 1 for row in rows)
    left_out, heads = (_OF_SEVERAL, _HEADS | {"max": "time"}) if single else (set(), _HEADS)
    for columns in (_WIDE, _USUAL, _NARROW):
        table = _table(report, rows, {one: heads.get(one, one) for one in columns if one not in left_out})
        if Measurement.get(console, console.options.update(max_width=1000), table).maximum <= console.width:
            console.print(table)
            break
    else:
        for row in rows:
            console.print("\n".join(_paragraph(row)), highlight=False)
    for remark in _remarks(rows):
        console.print(remark, highlight=False)


def _table(report: Report, rows: Sequence[Summary], columns: Mapping[str, str]) -> Table:
    """With these columns, by their names, under these heads."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"Time without an answer from {report.lab['vip']}, ms",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )
    for column, head in columns.items():
        justify = "left" if column in _LEFT else "right"
        table.add_column(head, justify=justify, no_wrap=True, vertical="bottom")  # type: ignore[arg-type]
    for row in rows:
        cells = _cells(row)
        table.add_row(*(cells[column] for column in columns))
    return table


def _cells(row: Summary) -> dict[str, str]:
    figures = {"median": row.median_ms, "p99": row.p99_ms, "max": row.max_ms}
    (two, two_is_wrong, two_bound), (none, none_is_wrong, none_bound) = row.holding
    return {
        "scenario": row.scenario,
        "engine": row.engine,
        "trials": str(row.trials),
        **{name: _red(row.says(value), row.beyond(value)) for name, value in figures.items()},
        "bound": row.bound,
        "two holders": _red(two, two_is_wrong),
        "two holders' bound": two_bound,
        "no holder": _red(none, none_is_wrong),
        "no holder's bound": none_bound,
        "no loss": str(row.lossless),
        "missed": _red(str(row.missed), row.missed > 0),
        "void": str(row.void or ""),
    }


def _red(text: str, wrong: bool) -> str:
    return f"[red]{text}[/]" if wrong else text


def _paragraph(row: Summary) -> Iterator[str]:
    """A row for a narrow terminal."""
    cells = _cells(row)
    two_bound, none_bound = cells["two holders' bound"], cells["no holder's bound"]
    yield f"[bold]{row.scenario}[/], {row.engine}: {row.trials} {'trial' if row.trials == 1 else 'trials'}"
    over = " over HTTPS" if row.https else ""
    if row.trials == 1:
        yield f"  no answer{over}: {cells['max']} ms, bound {cells['bound']}"
    else:
        yield f"  no answer{over}: median {cells['median']} ms"
        yield f"  at the most {cells['max']} ms, bound {cells['bound']}"
    yield f"  two holders at the most {cells['two holders']} ms, bound {two_bound}"
    yield f"  no holder at the most {cells['no holder']} ms, bound {none_bound}"
    if row.missed or row.void:
        yield f"  missed {cells['missed']}, void {row.void}"


def _remarks(rows: Sequence[Summary]) -> Iterator[str]:
    if over_https := dict.fromkeys(row.scenario for row in rows if row.https):
        yield f"{', '.join(over_https)}: the figures are until HTTPS was answered again"
    for row in rows:
        if row.contested:
            ended = f"{row.contested} of {row.trials}"
            yield f"{row.scenario}, {row.engine}: two nodes still held the VIP when the trial ended ({ended})"
