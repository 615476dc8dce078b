"""Rests between tries."""

from __future__ import annotations

from vipalived.agent.supervised.backoff import Backoff


def rests(backoff: Backoff, count: int, now: float = 1000.0) -> list[float]:
    return [backoff.rest(now) for _ in range(count)]


def test_the_first_try_comes_at_once_and_the_longest_rest_is_10_s() -> None:
    assert rests(Backoff(), 8) == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert rests(Backoff(least=1.0), 5) == [1.0, 2.0, 4.0, 8.0, 10.0]


def test_a_minute_that_went_well_begins_anew() -> None:
    backoff = Backoff()
    rests(backoff, 4)  # the last try came at 1002
    assert backoff.rest(1061.9) == 4.0
    assert backoff.rest(1065.9 + 60.0) == 0.0
