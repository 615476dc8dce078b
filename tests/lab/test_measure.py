"""What a client felt, from sending times and answers given as literals."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vipalived.lab.measure import (
    Datagram,
    Request,
    Run,
    Sighting,
    Stretch,
    beaten,
    cut,
    disputed,
    gaps,
    holder_times,
    longest,
    milliseconds,
    recovery,
    request_stretch,
    runs,
    stalls,
)

MS = 1_000_000


def asked(sent: int, ended: int, *, fails: bool = False) -> Request:
    return Request(sent, not fails, ended)


def sent(*answers: str | None, start: int = 0, step: int = MS) -> list[Datagram]:
    """One datagram a millisecond, answered by the nodes given."""
    return [Datagram(start + index * step, node) for index, node in enumerate(answers)]


def test_everything_answered_by_one_node_is_one_run_without_a_gap() -> None:
    answered = runs(sent("a", "a", "a"), end=3 * MS)
    assert answered == [Run("a", 0, 3 * MS)]
    assert gaps(answered) == []


def test_a_gap_lasts_from_its_first_lost_datagram_to_the_next_answered_one() -> None:
    answered = runs(sent("a", None, None, None, "b"), end=5 * MS)
    assert answered == [Run("a", 0, MS), Run(None, MS, 4 * MS), Run("b", 4 * MS, 5 * MS)]
    assert gaps(answered) == [Stretch(MS, 3 * MS)]


def test_a_gap_at_the_end_lasts_until_the_end() -> None:
    assert gaps(runs(sent("a", None, None), end=10 * MS)) == [Stretch(MS, 9 * MS)]


def test_a_hand_over_without_loss_is_no_gap() -> None:
    answered = runs(sent("a", "b", "b"), end=3 * MS)
    assert answered == [Run("a", 0, MS), Run("b", MS, 3 * MS)]
    assert gaps(answered) == []


def test_a_single_answer_splits_a_blackout_in_two() -> None:
    found = gaps(runs(sent("a", None, None, "b", None, "b"), end=6 * MS))
    assert found == [Stretch(MS, 2 * MS), Stretch(4 * MS, MS)]
    assert longest(found) == 2 * MS


def test_nothing_sent_and_nothing_lost_have_no_longest_gap() -> None:
    assert runs([], end=MS) == []
    assert longest([]) == 0


def test_a_pause_of_the_clients_own_is_not_a_gap_but_a_stall() -> None:
    datagrams = [*sent("a", "a"), *sent("a", "a", start=90 * MS)]
    assert gaps(runs(datagrams, end=92 * MS)) == []
    assert stalls(datagrams, limit=20 * MS) == [Stretch(MS, 89 * MS)]
    assert stalls(sent("a", "a", "a"), limit=20 * MS) == []


def test_a_stall_disputes_a_gap_that_begins_or_ends_in_it() -> None:
    gap = Stretch(100, 50)
    at_its_beginning, within, at_its_end, elsewhere = (
        Stretch(90, 20),
        Stretch(110, 20),
        Stretch(145, 5),
        Stretch(160, 20),
    )
    assert disputed([gap], [at_its_beginning, within, at_its_end, elsewhere]) == [
        at_its_beginning,
        at_its_end,
    ]


def test_the_longest_stretch_without_a_successful_request() -> None:
    requests = [
        asked(0, 5),
        asked(100, 150, fails=True),
        asked(200, 250, fails=True),
        asked(300, 305),
        asked(400, 450, fails=True),
    ]
    assert request_stretch(requests, end=450) == 200
    assert request_stretch(requests, end=700) == 300  # the failure at 400 was never followed by a success
    assert request_stretch([asked(0, 5), asked(100, 105)], end=500) == 0
    assert request_stretch([], end=500) == 0


def test_https_is_back_with_the_first_answer_to_what_was_asked_since() -> None:
    requests = [
        asked(90, 130),  # begun before: its answer proves nothing
        asked(110, 111, fails=True),
        asked(130, 131, fails=True),
        asked(150, 158),
        asked(170, 178),
    ]
    assert recovery(requests, since=100, end=200) == 58
    assert recovery(requests[:3], since=100, end=200) == 100
    assert recovery([], since=100, end=200) == 100


def test_a_later_gap_that_is_longer_counts_instead() -> None:
    requests = [
        asked(100, 105),
        asked(120, 170, fails=True),
        asked(140, 190, fails=True),
        asked(160, 165),
    ]
    assert recovery(requests, since=100, end=200) == 40
    assert recovery(requests[:3], since=100, end=200) == 80


def test_who_was_under_way_when_the_address_moved_was_cut() -> None:
    moved = 1000 * MS
    reset = asked(990 * MS, 1010 * MS, fails=True)
    stuck = asked(950 * MS, 1950 * MS, fails=True)
    late_to_hear = asked(1050 * MS, 1060 * MS, fails=True)
    lucky = asked(995 * MS, 1005 * MS)
    before, after = asked(949 * MS, 1949 * MS, fails=True), asked(1051 * MS, 1060 * MS, fails=True)
    requests = [before, stuck, reset, lucky, late_to_hear, after]
    assert cut(requests, [moved]) == [stuck, reset, late_to_hear]
    assert cut(requests, []) == []


def test_who_claimed_as_well_had_the_address_for_a_moment() -> None:
    sightings = [
        Sighting(100, "a", False),
        Sighting(160, "c", True),
        Sighting(163, "b", True),
        Sighting(173, "b", False),
        Sighting(400, "c", False),
        Sighting(500, "b", True),
    ]
    assert beaten(sightings, 10) == ["b"]
    assert beaten(sightings, 9) == []
    assert beaten(reversed(sightings), 240) == ["b", "c"]


def test_time_without_and_with_two_holders() -> None:
    sightings = [
        Sighting(100, "a", False),
        Sighting(700, "b", True),
        Sighting(900, "c", True),
        Sighting(950, "c", False),
    ]
    assert holder_times({"a"}, sightings, Stretch(0, 1000)) == (600, 50)


def test_holder_times_count_the_window_only() -> None:
    assert holder_times(set(), [], Stretch(10, 90)) == (90, 0)
    assert holder_times({"a", "b"}, [], Stretch(10, 90)) == (0, 90)
    assert holder_times({"a"}, [Sighting(0, "a", False)], Stretch(10, 90)) == (90, 0)


def test_milliseconds_are_given_to_a_tenth() -> None:
    assert milliseconds(612_345_678) == 612.3


answers = st.lists(st.sampled_from(["a", "b", None]), max_size=60)


@given(answers)
def test_runs_cover_the_time_without_overlap_and_gaps_hold_exactly_the_lost(nodes: list[str | None]) -> None:
    datagrams = sent(*nodes)
    end = len(nodes) * MS
    answered = runs(datagrams, end)
    assert [run.start for run in answered] == [0, *(run.end for run in answered)][: len(answered)]
    assert all(before.node != after.node for before, after in pairwise(answered))
    lost = [datagram.sent for datagram in datagrams if datagram.node is None]
    found = gaps(answered)
    assert sum(gap.length for gap in found) == len(lost) * MS
    assert all(any(gap.start <= moment < gap.end for gap in found) for moment in lost)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from("abc"), st.booleans())),
    st.sets(st.sampled_from("abc")),
)
def test_holder_times_agree_with_looking_at_every_moment(
    changes: list[tuple[int, str, bool]], holders: set[str]
) -> None:
    sightings = sorted((Sighting(*change) for change in changes), key=lambda sighting: sighting.at)
    nobody = several = 0
    for moment in range(20, 80):
        now = set(holders)
        for sighting in sightings:
            if sighting.at <= moment:
                (now.add if sighting.present else now.discard)(sighting.node)
        nobody += not now
        several += len(now) > 1
    assert holder_times(holders, sightings, Stretch(20, 60)) == (nobody, several)
