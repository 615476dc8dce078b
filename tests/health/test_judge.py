"""From outcomes to standings, row by row and by properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vipalived.health.judge import HealthCheck, Outcome, State, judge, pause
from vipalived.vrrp.model import Standing

CHECK = HealthCheck(url="https://127.0.0.1:6443/readyz")  # interval 0.5, fall 3, rise 2
HEALTHY, UNPROVEN, UNREADY, DEAD = Standing.HEALTHY, Standing.UNPROVEN, Standing.UNREADY, Standing.DEAD
LETTERS = {
    "o": Outcome.OK,
    "u": Outcome.UNAUTHORIZED,
    "f": Outcome.FORBIDDEN,
    "b": Outcome.BUSY,
    "!": Outcome.STOPPING,
    "5": Outcome.UNREADY,
    "s": Outcome.SLOW,
    "h": Outcome.HANGING,
    "r": Outcome.REFUSED,
}


def after(outcomes: str, start: Standing = HEALTHY, check: HealthCheck = CHECK) -> State:
    """One outcome each half second."""
    state = State(start)
    for index, letter in enumerate(outcomes):
        state = judge(check, state, LETTERS[letter], index * 0.5)
    return state


@pytest.mark.parametrize(
    ("start", "outcomes", "standing"),
    [
        # Day 1: nobody answers, something starts, and at last it is there.
        (UNPROVEN, "", UNPROVEN),
        (UNPROVEN, "rrrr", UNPROVEN),
        (UNPROVEN, "hhhh", UNPROVEN),
        (UNPROVEN, "5555", UNPROVEN),
        (UNPROVEN, "!s", UNPROVEN),
        (UNPROVEN, "rrhff555o", UNPROVEN),
        (UNPROVEN, "rrhff555oo", HEALTHY),
        (UNPROVEN, "ou", HEALTHY),
        (UNPROVEN, "oro", UNPROVEN),
        # Who is too busy to say changes nothing.
        (UNPROVEN, "bbbb", UNPROVEN),
        (HEALTHY, "bbbbbbbb", HEALTHY),
        (HEALTHY, "5b5b5", UNREADY),
        (DEAD, "obo", HEALTHY),
        # Debounce on the way down ...
        (HEALTHY, "55", HEALTHY),
        (HEALTHY, "555", UNREADY),
        (HEALTHY, "s5s", UNREADY),
        (HEALTHY, "55o55", HEALTHY),
        (HEALTHY, "ssssssss", UNREADY),
        # ... and on the way up.
        (UNREADY, "o", UNREADY),
        (UNREADY, "oo", HEALTHY),
        (UNREADY, "o5o", UNREADY),
        (DEAD, "o", DEAD),
        (DEAD, "uo", HEALTHY),
        # Gone, or about to be: at once.
        (HEALTHY, "r", DEAD),
        (HEALTHY, "!", DEAD),
        (UNREADY, "r", DEAD),
        (DEAD, "r", DEAD),
        # Frozen: the first of a row may be on the kept connection.
        (HEALTHY, "sh", HEALTHY),
        (HEALTHY, "shh", DEAD),
        (HEALTHY, "hhh", DEAD),
        (HEALTHY, "ssh", UNREADY),
        (HEALTHY, "sshh", DEAD),
        (HEALTHY, "hsh", UNREADY),
        (HEALTHY, "555h", UNREADY),
        (UNREADY, "hh", UNREADY),
        (UNREADY, "hhh", DEAD),
        # An API server that answers at all is better than a dead one; a mute one is not.
        (DEAD, "5", UNREADY),
        (DEAD, "sss", DEAD),
        (DEAD, "hhh", DEAD),
        # 403 counts once it has lasted 5 s: the eleventh, at 5.0 s, is the first of two successes.
        (UNPROVEN, "f" * 11, UNPROVEN),
        (UNPROVEN, "f" * 12, HEALTHY),
        (DEAD, "f" * 11, DEAD),
        (DEAD, "f" * 12, HEALTHY),
        # Before that it neither raises nor lowers anything.
        (HEALTHY, "ffff", HEALTHY),
        (HEALTHY, "5f5f5", UNREADY),
        (UNREADY, "ofo", HEALTHY),
        # Another answer, or a broken connection, and it begins anew; a late answer is none.
        (UNPROVEN, "ffffff5ffffff", UNPROVEN),
        (UNPROVEN, "ffffffrffffff", UNPROVEN),
        (UNPROVEN, "ffffffhffffff", UNPROVEN),
        (UNPROVEN, "ffffffoffffff", UNPROVEN),
        (UNPROVEN, "ffffffsffffff", HEALTHY),
        (HEALTHY, "f" * 12 + "sf" * 6, HEALTHY),
    ],
)
def test_rows(start, outcomes, standing):
    assert after(outcomes, start).standing is standing


@pytest.mark.parametrize(
    ("fall", "outcomes", "standing"),
    [
        (1, "s", UNREADY),
        (1, "h", DEAD),
        (2, "h", HEALTHY),
        (2, "sh", DEAD),
        (2, "ss", UNREADY),
        (4, "sshh", UNREADY),
        (4, "shhh", DEAD),
    ],
)
def test_the_number_of_failures_is_settable(fall, outcomes, standing):
    assert after(outcomes, check=replace(CHECK, fall=fall)).standing is standing


def test_the_number_of_successes_is_settable():
    assert after("o", UNPROVEN, replace(CHECK, rise=1)).standing is HEALTHY
    assert after("oooo", DEAD, replace(CHECK, rise=5)).standing is DEAD


@pytest.mark.parametrize(
    ("start", "outcomes", "seconds"),
    [
        (HEALTHY, "", 0.5),
        (HEALTHY, "o", 0.5),
        # While it fails, twice as often.
        (HEALTHY, "5", 0.25),
        (HEALTHY, "55", 0.25),
        (HEALTHY, "555", 0.5),
        (HEALTHY, "shh", 0.5),
        (HEALTHY, "!", 0.5),
        (UNPROVEN, "", 0.5),
        # Refused: the first answer is awaited. It may be 403, and stay so for long.
        (HEALTHY, "r", 0.1),
        (UNPROVEN, "r", 0.1),
        (UNPROVEN, "rf", 0.5),
        (UNPROVEN, "rh", 0.5),
        (UNPROVEN, "rs", 0.5),
        # One success waits for the second.
        (UNPROVEN, "o", 0.1),
        (DEAD, "o", 0.1),
        (DEAD, "oo", 0.5),
        (UNPROVEN, "f" * 10, 0.5),
        (UNPROVEN, "f" * 11, 0.1),
    ],
)
def test_when_to_ask_again(start, outcomes, seconds):
    assert pause(CHECK, after(outcomes, start)) == seconds


def test_quick_is_never_slower_than_the_interval():
    assert pause(replace(CHECK, interval=0.05), after("r")) == 0.05


OUTCOMES = st.lists(st.sampled_from(Outcome), max_size=40)
CHECKS = st.builds(replace, st.just(CHECK), fall=st.integers(1, 5), rise=st.integers(1, 5))
SUCCESSES = {Outcome.OK, Outcome.UNAUTHORIZED}


@given(CHECKS, OUTCOMES, st.sampled_from([UNPROVEN, UNREADY, DEAD]))
def test_never_healthy_without_enough_successes_in_a_row(check, outcomes, start):
    state, row = State(start), 0
    for index, outcome in enumerate(outcomes):
        before, state = state, judge(check, state, outcome, index * 0.1)  # 4 s: no 403 lasts
        if outcome not in {Outcome.FORBIDDEN, Outcome.BUSY}:
            row = row + 1 if outcome in SUCCESSES else 0
        if before.standing is not HEALTHY:
            assert (state.standing is HEALTHY) == (outcome in SUCCESSES and row >= check.rise)


@given(CHECKS, OUTCOMES)
def test_what_has_never_answered_is_neither_unready_nor_dead(check, outcomes):
    state = State()
    for index, outcome in enumerate(outcomes):
        state = judge(check, state, outcome, float(index))
        if state.standing is HEALTHY:
            return
        assert state.standing is UNPROVEN


@given(CHECKS, OUTCOMES, st.sampled_from(Standing))
def test_a_stop_and_a_refusal_kill_whatever_is_proven(check, outcomes, start):
    state = State(start)
    for index, outcome in enumerate(outcomes):
        before, state = state, judge(check, state, outcome, float(index))
        if outcome in {Outcome.STOPPING, Outcome.REFUSED}:
            assert state.standing is (UNPROVEN if before.standing is UNPROVEN else DEAD)


@given(
    st.integers(2, 5),
    st.lists(
        st.sampled_from([Outcome.SLOW, Outcome.UNREADY, Outcome.HANGING, Outcome.FORBIDDEN, Outcome.BUSY]),
        max_size=30,
    ),
)
def test_no_failure_alone_moves_a_healthy_node(fall, failures):
    check, state = replace(CHECK, fall=fall), State(HEALTHY)
    for index, outcome in enumerate(failures):
        for each in (outcome, Outcome.OK):
            state = judge(check, state, each, float(index))
            assert state.standing is HEALTHY


@given(CHECKS, st.lists(st.sampled_from([Outcome.SLOW, Outcome.UNREADY, Outcome.FORBIDDEN, Outcome.OK])))
def test_who_finishes_handshakes_is_never_dead(check, outcomes):
    state = State(HEALTHY)
    for index, outcome in enumerate(outcomes):
        state = judge(check, state, outcome, float(index))
        assert state.standing is not DEAD


@given(CHECKS, OUTCOMES, st.sampled_from([HEALTHY, UNREADY, DEAD]))
def test_a_frozen_server_is_dead_within_fall_questions(check, outcomes, start):
    state = State(start)
    for index, outcome in enumerate(outcomes):
        state = judge(check, state, outcome, float(index))
    for _ in range(check.fall):
        state = judge(check, state, Outcome.HANGING, 99.0)
    assert state.standing is DEAD
