"""What `vipalived observe` shows a human: one row for each speaker, then what is wrong."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vipalived.cli.screen import duration
from vipalived.observe.report import Report
from vipalived.observe.speakers import Speaker, State

_COLOURS = {State.MASTER: "green", State.RESIGNED: "yellow", State.SILENT: "red"}
_SHOWN = 4
_ENDLESS = 10_000
_NARROW = 72
_LONG = 100.0
_NOT_KNOWN = "-"


class Screen:
    """A report as rich draws it: a line for each speaker where it fits, else two, else a paragraph."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """For rich."""
        yield Text(_headline(self._report), style="bold")
        if self._report.speakers:
            yield ""
            yield self._table(console, options)
        if self._report.findings:
            yield ""
            yield _findings(self._report)

    def _table(self, console: Console, options: ConsoleOptions) -> RenderableType:
        rows = self._report.speakers
        table = _lines(rows)
        if Measurement.get(console, options.update(max_width=_ENDLESS), table).maximum <= options.max_width:
            return table
        return _pairs_of_lines(rows) if options.max_width >= _NARROW else _paragraphs(rows)


def plain(report: Report) -> str:
    """The same for a pipe: no colours, and every row on one line however long."""
    console = Console(file=io.StringIO(), width=_ENDLESS, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(Screen(report), highlight=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _headline(report: Report) -> str:
    routers = len({(row.vrid, row.family) for row in report.speakers})
    counts = f"{_count(len(report.speakers), 'speaker')} of {_count(routers, 'virtual router')}"
    said = counts if report.speakers else "nobody"
    clock = time.strftime("%H:%M:%S UTC", time.gmtime(report.time))
    return f"{report.interface} at {clock}: {said} heard in {duration(report.listened)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _lines(rows: Iterable[Speaker]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    right = {"PRIO"}
    for name in (
        *("VRID", "FAMILY", "VERSION", "STATE", "ADDRESS", "MAC", "PRIO", "INTERVAL", "MEASURED"),
        *("JITTER", "AGE", "AUTH", "VIPS"),
    ):
        table.add_column(name, no_wrap=True, justify="right" if name in right else "left")
    for row in rows:
        table.add_row(
            *(str(row.vrid), f"IPv{row.family}", f"v{row.version}", _state(row), _address(row), row.mac),
            *(str(row.priority), duration(row.interval), _known(row.measured), _known(row.jitter)),
            *(_ago(row), _auth(row)),
            ", ".join(_vips(row)),
        )
    return table


def _pairs_of_lines(rows: Iterable[Speaker]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("ROUTER", "SPEAKER", "STATE", "TIMING", "VIPS"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            f"{row.vrid} IPv{row.family} v{row.version}\nauth {_auth(row)}",
            Group(_address(row), row.mac),
            Group(_state(row), f"prio {row.priority}"),
            f"{_timing(row)}\n{_ago(row)} ago",
            "\n".join(_vips(row)),
        )
    return table


def _paragraphs(rows: Iterable[Speaker]) -> Group:
    shown: list[RenderableType] = []
    for row in rows:
        head = f"{row.vrid} IPv{row.family} v{row.version}, auth {_auth(row)}, prio {row.priority}, "
        timing = f"{_timing(row)}, {_ago(row)} ago"
        body = Group(_address(row), row.mac, timing, "\n".join(_vips(row)))
        shown += [Text(head).append(_state(row)), Padding(body, (0, 0, 0, 2))]
    return Group(*shown)


def _state(row: Speaker) -> Text:
    return Text(row.state, style=_COLOURS[row.state])


def _address(row: Speaker) -> Text:
    shown = Text(str(row.address), style="bold")
    return shown.append(" (here)", style="not bold") if row.ours else shown


def _ago(row: Speaker) -> str:
    """With a steady width while it is being watched."""
    return f"{row.age:.1f} s" if row.age < _LONG else duration(row.age)


def _timing(row: Speaker) -> str:
    """What it announces, and what was measured."""
    return f"{duration(row.interval)} ({_known(row.measured)} ± {_known(row.jitter)})"


def _known(seconds: float | None) -> str:
    return _NOT_KNOWN if seconds is None else duration(seconds)


def _auth(row: Speaker) -> str:
    return str(row.authentication or "none")


def _vips(row: Speaker) -> list[str]:
    more = len(row.vips) - _SHOWN
    return [*map(str, row.vips[:_SHOWN]), *([f"and {more} more"] if more > 0 else [])]


def _findings(report: Report) -> RenderableType:
    lines = []
    for found in report.findings:
        lines.append(Text.assemble(("warning: ", "bold yellow"), found.message))
        lines.append(Text.assemble(("  hint: ", "cyan"), found.hint))
    return Group(*lines)
