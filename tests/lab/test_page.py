"""Where things are drawn, and that the page is whole in itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from vipalived.lab.page import Bar, Mark, group, logarithmic, page, strip, timeline
from vipalived.lab.results import Report, Trial, summarise

LAB = {
    "began": "2026-12-01T03:04:05+00:00",
    "version": "0.3.0",
    "cores": 2,
    "nodes": ["node-1", "node-2"],
    "vip": "198.18.0.100",
    "engines": {"keepalived": "2.2.7"},
    "kernel": "6.1",
    "values": {"keepalived": {"routerId": "<script>"}},
}
STOP = Trial(
    engine="keepalived",
    scenario="stop",
    trial=1,
    bound_ms=709.4,
    holder="node-1",
    successor="node-2",
    blackout_ms=500.0,
    gaps=[(0.0, 500.0)],
    lost=500,
    sent=2000,
    two_holders_ms=0.0,
    no_holder_ms=500.0,
    http_failed=5,
    http_cut=0,
    http_sent=20,
    http_blackout_ms=500.0,
    http_kept_failed=1,
    http_kept_sent=40,
    http_kept_blackout_ms=700.0,
    window_ms=(-500.0, 1500.0),
    answered_by=[("node-1", -500.0, 0.0), (None, 0.0, 500.0), ("node-2", 500.0, 1500.0)],
    marks=[(0.0, "stop node-1")],
)
FAILED = Trial("keepalived", "crash", 1, 3709.4, error="waited 17.2 s in vain for one node to hold the VIP")


@pytest.mark.parametrize(
    ("value", "x"), [(0.0, 0.0), (1.0, 0.0), (60_000.0, 1000.0), (245.0, 500.0), (1e9, 1000.0)]
)
def test_the_scale_is_logarithmic_from_one_millisecond_to_a_minute(value: float, x: float) -> None:
    assert logarithmic(value) == pytest.approx(x, abs=0.5)


def test_a_timeline_shows_every_node_in_its_colour_and_gaps_on_top() -> None:
    picture = timeline(STOP, LAB["nodes"])
    assert picture is not None
    assert [(bar.x, bar.width, bar.colour) for bar in picture.bars] == [
        (0.0, 250.0, 0),
        (500.0, 500.0, 1),
        (250.0, 250.0, None),
    ]
    assert picture.marks == [Mark(250.0, "stop node-1")]
    assert [(tick.x, tick.label) for tick in picture.ticks][1:3] == [(150.0, "-0.2 s"), (250.0, "0 s")]


def test_a_single_lost_datagram_can_be_seen() -> None:
    answered = [("node-1", -500.0, 700.0), (None, 700.0, 701.0), ("node-1", 701.0, 1500.0)]
    picture = timeline(_changed(answered_by=answered), LAB["nodes"])
    assert picture is not None
    assert picture.bars[-1] == Bar(600.0, 1.5, None, "nobody: 700.0 to 701.0 ms, 1.0 ms")


def test_labels_that_would_run_into_each_other_get_lines_of_their_own() -> None:
    picture = timeline(
        _changed(marks=[(0.0, "stop node-1"), (20.0, "start node-1"), (1400.0, "end")]), LAB["nodes"]
    )
    assert picture is not None
    assert [mark.y for mark in picture.marks] == [0.0, 14.0, 0.0]


def test_a_trial_without_figures_has_no_picture() -> None:
    assert timeline(FAILED, LAB["nodes"]) is None


def test_a_dot_beyond_the_bound_is_marked() -> None:
    late = _changed(blackout_ms=5510.0)
    dots = strip(summarise([STOP, late]), [STOP, late, FAILED]).dots
    assert [dot.bad for dot in dots] == [False, True]


def test_where_nothing_is_promised_there_is_no_bound_to_draw() -> None:
    over_https = {"scenario": "api-crash", "https": True, "bound_ms": None, "http_recovery_ms": 3500.0}
    served, never = _changed(**over_https), _changed(**over_https, recovered=False)
    drawn = strip(summarise([served, never]), [served, never])
    assert drawn.bound is None
    assert [dot.label for dot in drawn.dots] == ["trial 1: 3500.0 ms", "trial 1: never"]
    assert [dot.x for dot in drawn.dots] == [741.7, 1000.0]
    text = page(Report(LAB, [served, never]))
    assert "<td>HTTPS</td>" in text
    assert "<td>never</td>" in text
    assert "served again after 3500.0 ms" in text
    assert "never served again" in text
    _Tags().check(text)


def test_of_many_trials_the_worst_of_each_engine_is_shown_first() -> None:
    figures = [
        ("keepalived", 610.0),
        ("other", 611.0),
        ("keepalived", 5510.0),
        ("other", 609.0),
        ("keepalived", 1.0),
    ]
    trials = [_changed(engine=name, blackout_ms=figure) for name, figure in figures]
    pictures = [picture for trial in trials if (picture := timeline(trial, LAB["nodes"]))]
    many, few = group("stop", pictures), group("stop", pictures[:4])
    assert [picture.trial.blackout_ms for picture in many.shown] == [611.0, 5510.0]
    assert (len(many.all), len(few.shown), len(few.all)) == (5, 4, 0)
    _Tags().check(page(Report(LAB, trials)))


def test_the_page_is_whole_in_itself_and_well_formed() -> None:
    text = page(Report(LAB, [STOP, FAILED]))
    outside = re.findall(r"""(?:src|href)\s*=|url\(|@import|https?://""", text)
    assert outside == []
    assert "&lt;script&gt;" in text or "\\u003cscript\\u003e" in text
    assert "<script" not in text
    assert FAILED.error is not None
    assert FAILED.error in text
    _Tags().check(text)


def test_a_run_that_measured_nothing_yet_has_a_page() -> None:
    _Tags().check(page(Report(LAB)))


def _changed(**fields: object) -> Trial:
    return Trial(**{name: getattr(STOP, name) for name in STOP.__slots__} | fields)  # type: ignore[arg-type]


class _Tags(HTMLParser):
    """Every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "line", "rect", "circle"})

    def check(self, text: str) -> None:
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag
