"""Trials, their summary and the verdict."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipalived.lab.results import Report, Trial, percentile, summarise

LAB = {
    "began": "2026-12-01T03:04:05+00:00",
    "version": "0.3.0",
    "cores": 2,
    "nodes": ["node-1"],
    "vip": "198.18.0.100",
    "engines": {"keepalived": "2.2.7"},
    "kernel": "6",
    "values": {},
}


def trial(blackout: float | None = 600.0, **more: object) -> Trial:
    fields: dict[str, object] = {"engine": "keepalived", "scenario": "stop", "trial": 1, "bound_ms": 709.4}
    return Trial(**fields | {"blackout_ms": blackout} | more)  # type: ignore[arg-type]


def over_https(recovery: float, **more: object) -> Trial:
    fields: dict[str, object] = {"https": True, "http_recovery_ms": recovery, "http_bound_ms": 150.0}
    return trial(0.0, **fields | more)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (trial(709.4), None),
        (trial(709.5), "710 ms without an answer, bound 709"),
        (
            trial(980.0, beaten=["node-2"]),
            "980 ms without an answer, bound 709; node-2 claimed the VIP too, which priorities further apart prevent",
        ),
        (trial(709.4, beaten=["node-2", "node-4"]), None),
        (trial(5510.0, void="the client stood still"), None),
        (trial(None, error="no holder"), "no holder"),
        (trial(51000.0, recovered=False), "not recovered after 51000 ms without an answer"),
        (trial(0.0, moves=2), None),
        (trial(0.0, moves=2, moves_bound=2), None),
        (trial(0.0, moves=2, moves_bound=0), "2 times the VIP came or went, bound 0"),
        (trial(0.0, stays=True, holder="a", successor="a"), None),
        (
            trial(0.0, stays=True, holder="a", successor="b"),
            "the VIP went from a to b, and was to stay",
        ),
        (trial(0.0, two_holders_ms=841.0), None),
        (
            trial(0.0, two_holders_ms=841.0, two_holders_bound_ms=840.6),
            "841 ms with two holders, bound 841",
        ),
        (trial(0.0, two_holders_ms=840.6, two_holders_bound_ms=840.6), None),
        (
            trial(0.0, one_holder_ms=1200.0, one_holder_bound_ms=1100.0),
            "1200 ms until one holder was left, bound 1100",
        ),
        (trial(0.0, no_holder_ms=12.0), None),
        (trial(0.0, no_holder_ms=12.0, no_holder_bound_ms=1.0), "12 ms without a holder, bound 1"),
        (trial(0.0, http_failed=1, http_failed_bound=0), "1 failed HTTPS requests, bound 0"),
        (trial(0.0, http_cut=1, http_failed=0, http_failed_bound=0), None),
        (trial(5000.0, bound_ms=None), None),
        (over_https(150.0), None),
        (over_https(150.1), "150 ms without an answer over HTTPS, bound 150"),
        (over_https(40.0, blackout_ms=710.0), "710 ms without an answer, bound 709"),
        (over_https(9000.0, recovered=False), "HTTPS was never answered again"),
        (over_https(9000.0, recovered=False, bound_ms=None, http_bound_ms=None), None),
    ],
)
def test_what_counts_as_missed(measured: Trial, reason: str | None) -> None:
    assert measured.missed == reason


def test_a_row_summarises_the_trials_that_count() -> None:
    trials = [
        trial(610.0),
        trial(620.0),
        trial(5510.0),
        trial(9999.0, void="the client stood still"),
        trial(None, error="no holder"),
    ]
    row = summarise(trials)
    assert (row.trials, row.median_ms, row.p99_ms, row.max_ms) == (3, 620.0, 5510.0, 5510.0)
    assert (row.missed, row.void, row.lossless) == (2, 1, 0)
    assert summarise([trial(0.0), trial(0.1), trial(0.0, void="the client stood still")]).lossless == 1


def test_a_row_is_about_https_where_its_scenario_is() -> None:
    row = summarise([over_https(110.0), over_https(140.0, blackout_ms=3.0), over_https(120.0)])
    assert (row.https, row.median_ms, row.max_ms, row.bound_ms) == (True, 120.0, 140.0, 150.0)
    assert (row.lossless, row.never) == (2, 0)
    assert (row.says(row.max_ms), row.beyond(row.max_ms), row.bound) == ("140.0", False, "150")
    assert row.beyond(150.1)


def test_what_never_ended_is_called_never() -> None:
    unpromised = {"bound_ms": None, "http_bound_ms": None}
    never = over_https(15000.0, recovered=False, **unpromised)
    row = summarise([over_https(700.0, **unpromised), never, never])
    assert (row.trials, row.never, row.missed) == (3, 2, 0)
    assert (row.median_ms, row.max_ms) == (None, None)
    assert (row.says(row.max_ms), row.beyond(row.max_ms), row.bound) == ("never", False, "-")
    json.dumps(Report(LAB, [never]).as_json(), allow_nan=False)


def test_a_row_without_figures_has_none() -> None:
    row = summarise([trial(None, error="no holder")])
    assert (row.trials, row.median_ms, row.p99_ms, row.max_ms) == (0, None, None, None)
    assert row.says(row.max_ms) == "-"


def test_nearest_rank_percentiles() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert percentile(hundred, 99) == 99.0
    assert percentile(hundred, 50) == 50.0
    assert percentile(hundred[:20], 99) == 20.0
    assert percentile([7.0], 99) == 7.0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9


def test_misses_are_asked_for_besides_a_baselines_and_a_gap_in_any_control_spoils_the_run() -> None:
    report = Report(LAB)
    report.trials += [
        trial(),
        trial(5510.0, engine="keepalived-0.2.3"),
        trial(1.0, engine="keepalived-0.2.3", scenario="control", bound_ms=0.0, gaps=[(3.0, 1.0)]),
    ]
    assert report.misses(besides=["keepalived-0.2.3"]) == []
    assert [miss.scenario for miss in report.misses()] == ["stop", "control"]
    assert [spoilt.scenario for spoilt in report.spoilt()] == ["control"]


def test_the_report_has_the_shape_that_is_promised() -> None:
    report = Report(
        LAB, [trial(holder="node-1", successor="node-2", gaps=[(0.5, 600.0)], lost=600, sent=1800)]
    )
    written = json.loads(json.dumps(report.as_json()))
    assert set(written) == {"lab", "trials", "summary"}
    assert set(written["trials"][0]) >= {
        *("engine", "scenario", "trial", "from", "to", "blackout_ms", "gaps", "lost", "sent"),
        *("two_holders_ms", "no_holder_ms", "http_failed", "http_cut", "http_sent"),
        *(
            "http_blackout_ms",
            "http_recovery_ms",
            "http_kept_blackout_ms",
            "http_kept_failed",
            "http_kept_sent",
        ),
    }
    assert (written["trials"][0]["from"], written["trials"][0]["to"]) == ("node-1", "node-2")
    assert written["trials"][0]["gaps"] == [[0.5, 600.0]]
    assert set(written["summary"][0]) >= {
        *("engine", "scenario", "trials", "median_ms", "p99_ms", "max_ms", "bound_ms"),
    }
