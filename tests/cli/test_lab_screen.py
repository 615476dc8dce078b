"""The lab's screens at the widths of terminals: no figure, name or head is ever cut, and two holders are told of."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from vipalived.cli.lab_screen import show, time_left, trial_line
from vipalived.lab.results import Report, Trial

LAB = {"vip": "198.18.0.100"}
FIGURES = {"lost": 0, "sent": 9000, "no_holder_ms": 0.0, "two_holders_ms": 0.0, "holders": 1}


def trial(scenario: str, engine: str, blackout: float | None, bound: float, **more: object) -> Trial:
    fields = {**FIGURES, "blackout_ms": blackout, "holder": "node-1", "successor": "node-2", **more}
    return Trial(engine, scenario, 1, bound, **fields)  # type: ignore[arg-type]


ONCE = [
    trial("stop", "keepalived", 611.2, 709.4, no_holder_ms=612.3, two_holders_bound_ms=1100.0),
    trial("kill", "native", 453.0, 3659.4, no_holder_ms=452.1, two_holders_bound_ms=840.6),
    trial("kill", "keepalived", 0.0, 3709.4, two_holders_ms=1012.4, holders=2),
    trial("stop", "native", 33.1, 20.0, no_holder_ms=33.1, no_holder_bound_ms=1.0),
    trial(
        "api-crash", "keepalived-check", 612.5, 709.4, https=True, http_recovery_ms=3095.4, no_holder_ms=611.0
    ),
]
TWICE = [replace(one, trial=number) for one in ONCE for number in (1, 2)]


def shown(width: int, trials: list[Trial] = TWICE) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show(console, Report(LAB, trials))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_a_wait_shows_how_long_it_may_still_take() -> None:
    now = 100.0
    progress = Progress(time_left(), TextColumn("{task.description}"), get_time=lambda: now)
    task = progress.add_task("", total=8)

    def line() -> str:
        console = Console(width=60, file=io.StringIO(), color_system=None)
        console.print(progress.get_renderable())
        return console.file.getvalue().strip("\n").rstrip()  # type: ignore[attr-defined, no-any-return]

    progress.update(task, description="crash 1, native: settling", until=117.2)
    assert line() == " 17 s at most crash 1, native: settling"
    now = 117.0
    assert line() == "              crash 1, native: settling"


def test_at_120_columns() -> None:
    assert shown(120) == WIDE


def test_at_80_columns() -> None:
    assert shown(80) == USUAL


def test_at_60_columns() -> None:
    assert shown(60) == NARROW


@pytest.mark.parametrize("width", [120, 80])
def test_a_single_trial_has_one_figure(width: int) -> None:
    head, _, first = [line.split() for line in shown(width, ONCE).splitlines()[3:6]]
    assert not {"median", "p99", "max", "loss"} & set(head)
    assert "time" in head
    assert first.count("611.2") == 1


def test_a_single_trial_has_one_figure_at_60_columns() -> None:
    assert shown(60, ONCE).splitlines()[:5] == [
        "stop, keepalived: 1 trial",
        "  no answer: 611.2 ms, bound 709",
        "  two holders at the most 0.0 ms, bound 1100",
        "  no holder at the most 612.3 ms, bound -",
        "kill, native: 1 trial",
    ]


@pytest.mark.parametrize("width", range(30, 130, 7))
def test_at_no_width_is_a_figure_cut(width: int) -> None:
    text = shown(width)
    assert "\u2026" not in text
    words = {word.strip(",:") for word in text.split()}
    assert words >= {"611.2", "453.0", "1012.4", "33.1", "3095.4", "612.3", "keepalived-check", "api-crash"}


def test_a_trial_with_two_holders_says_so_though_no_client_noticed() -> None:
    line = trial_line(ONCE[2], ["stop", "kill"], ["native", "keepalived"])
    assert line == (
        "kill  keepalived   1       0.0 ms of 3709  node-1 -> node-2  [yellow]two holders for 1012 ms[/]"
    )
    line = trial_line(ONCE[3], ["stop", "kill"], ["native", "keepalived"])
    assert line == (
        "stop  native       1      33.1 ms of 20    node-1 -> node-2"
        "  [red]33 ms without an answer, bound 20[/]"
    )


WIDE = """\
                                     Time without an answer from 198.18.0.100, ms

                                                                         two             no           no
 scenario   engine            trials  median     p99     max  bound  holders  bound  holder  bound  loss  missed  void
 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 stop       keepalived             2   611.2   611.2   611.2    709      0.0   1100   612.3      -     0       0
 kill       native                 2   453.0   453.0   453.0   3659      0.0    841   452.1      -     0       0
 kill       keepalived             2     0.0     0.0     0.0   3709   1012.4      -     0.0      -     2       0
 stop       native                 2    33.1    33.1    33.1     20      0.0      -    33.1      1     0       2
 api-crash  keepalived-check       2  3095.4  3095.4  3095.4      -      0.0      -   611.0      -     0       0

api-crash: the figures are until HTTPS was answered again
kill, keepalived: two nodes still held the VIP when the trial ended (2 of 2)"""
USUAL = """\
                Time without an answer from 198.18.0.100, ms

                                                         two      no
 scenario   engine            median     max  bound  holders  holder  missed
 ───────────────────────────────────────────────────────────────────────────
 stop       keepalived         611.2   611.2    709      0.0   612.3       0
 kill       native             453.0   453.0   3659      0.0   452.1       0
 kill       keepalived           0.0     0.0   3709   1012.4     0.0       0
 stop       native              33.1    33.1     20      0.0    33.1       2
 api-crash  keepalived-check  3095.4  3095.4      -      0.0   611.0       0

api-crash: the figures are until HTTPS was answered again
kill, keepalived: two nodes still held the VIP when the trial ended (2 of 2)"""
NARROW = """\
stop, keepalived: 2 trials
  no answer: median 611.2 ms
  at the most 611.2 ms, bound 709
  two holders at the most 0.0 ms, bound 1100
  no holder at the most 612.3 ms, bound -
kill, native: 2 trials
  no answer: median 453.0 ms
  at the most 453.0 ms, bound 3659
  two holders at the most 0.0 ms, bound 841
  no holder at the most 452.1 ms, bound -
kill, keepalived: 2 trials
  no answer: median 0.0 ms
  at the most 0.0 ms, bound 3709
  two holders at the most 1012.4 ms, bound -
  no holder at the most 0.0 ms, bound -
stop, native: 2 trials
  no answer: median 33.1 ms
  at the most 33.1 ms, bound 20
  two holders at the most 0.0 ms, bound -
  no holder at the most 33.1 ms, bound 1
  missed 2, void 0
api-crash, keepalived-check: 2 trials
  no answer over HTTPS: median 3095.4 ms
  at the most 3095.4 ms, bound -
  two holders at the most 0.0 ms, bound -
  no holder at the most 611.0 ms, bound -
api-crash: the figures are until HTTPS was answered again
kill, keepalived: two nodes still held the VIP when the
trial ended (2 of 2)"""
