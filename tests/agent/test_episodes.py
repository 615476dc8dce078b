"""A condition that lasts is told once."""

from __future__ import annotations

from vipalived.agent.episodes import Episodes


def test_it_is_told_when_it_begins_and_not_while_it_goes_on() -> None:
    episodes = Episodes()
    assert [episodes.begins("a", float(second)) for second in range(600)] == [True] + 599 * [False]


def test_it_is_told_again_once_it_has_been_away_for_a_minute() -> None:
    episodes = Episodes()
    assert [episodes.begins("a", at) for at in (0.0, 60.0, 120.1)] == [True, False, True]


def test_who_invents_senders_is_told_of_five_times_a_minute_and_fills_no_memory() -> None:
    episodes = Episodes()
    told = [episodes.begins(str(number), number / 100) for number in range(6100)]
    assert told[:5] == [True] * 5
    assert sum(told[:6000]) == 5
    assert sum(told) == 10
    assert len(episodes._seen) == 32
