"""Work in a child process: its answers, its errors, and that it leaves nothing behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from vipalived.agent import child
from vipalived.agent.child import call
from vipalived.errors import CheckFailed, InvalidSettings, Problem, VipalivedError

PROBLEM = Problem("keepalived.vrrpVersion", "expected 2 or 3, found 4", "use 3")


def test_the_answer_comes_back() -> None:
    assert call(lambda: {"answer": 42}) == {"answer": 42}


def test_it_is_another_process() -> None:
    assert call(os.getpid) != os.getpid()


def test_what_it_loads_stays_there() -> None:
    def work() -> bool:
        import this  # noqa: F401 - nobody else wants it

        return "this" in sys.modules

    assert call(work)
    assert "this" not in sys.modules


def test_every_problem_of_the_settings_comes_back() -> None:
    def work() -> None:
        raise InvalidSettings((PROBLEM,))

    with pytest.raises(InvalidSettings) as caught:
        call(work)
    assert caught.value.problems == (PROBLEM,)


def test_another_error_comes_back_with_its_hint() -> None:
    def work() -> None:
        raise CheckFailed("no", hint="try again")

    with pytest.raises(VipalivedError) as caught:
        call(work)
    assert (caught.value.message, caught.value.hint) == ("no", "try again")


def test_a_bug_is_shown_and_raised(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(RuntimeError, match="ended without an answer"):
        call(work)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_no_child_and_no_descriptor_is_left() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    call(lambda: None)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    # On a busy machine one that was killed takes its time to end: the next call buries it.
    deadline = time.monotonic() + 10.0
    while child._GIVEN_UP:
        assert time.monotonic() < deadline, "a child that was killed is still there"
        child._bury(0.01)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
