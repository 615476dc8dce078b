"""The guard for real: forked engine processes that die, hand on, and end. Each test's guard is a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

from vipalived.agent.estate import Estate
from vipalived.agent.guard import Live, guard
from vipalived.agent.plan import MemberPlan, Plan
from vipalived.vrrp.model import Garp, Standing

MEMBER = MemberPlan(
    family=4,
    vrid=51,
    version=3,
    priority=100,
    interval=1.0,
    preempt=False,
    addresses=(ip_interface("198.18.0.100/24"),),
    garp=Garp(),
)
ESTATE = Estate(Plan("no-such-interface", (), (MEMBER,)))
PATIENCE = 20.0


class Guarded:
    """A guard in a process of its own; the lives write lines into a file."""

    def __init__(self, pid: int, notes: Path) -> None:
        self.pid, self.notes = pid, notes

    def wait_for(self, text: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while text not in self.notes.read_text():
            assert time.monotonic() < deadline, f"waited in vain for {text!r} in {self.notes.read_text()!r}"
            time.sleep(0.005)
        return self.notes.read_text()

    def engine(self) -> int:
        """The engine process that wrote last."""
        return int(self.notes.read_text().split()[-1])

    def exit_code(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while (found := os.waitpid(self.pid, os.WNOHANG)) == (0, 0):
            assert time.monotonic() < deadline, "the guard did not end"
            time.sleep(0.005)
        self.pid = 0
        return os.waitstatus_to_exitcode(found[1])


@contextmanager
def guarded(tmp_path: Path, live: Callable[[Callable[[str], None]], Live]) -> Iterator[Guarded]:
    notes = tmp_path / "notes"
    notes.touch()

    def note(text: str) -> None:
        with notes.open("a") as file:
            file.write(f"{text} {os.getpid()}\n")

    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = guard(live(note), ESTATE)
        finally:
            os._exit(code)
    found = Guarded(pid, notes)
    try:
        yield found
    finally:
        if found.pid:
            os.kill(found.pid, signal.SIGKILL)
            os.waitpid(found.pid, 0)


def until_told(note: Callable[[str], None]) -> None:
    """An engine process that ends when it is told to, and notes each signal."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: told.append(number))
    note("ready")
    while signal.SIGTERM not in told:
        signal.pause()
        note(f"got {signal.Signals(told[-1]).name}")


def test_signals_are_handed_on_and_the_end_is_the_engines(tmp_path: Path) -> None:
    with guarded(tmp_path, lambda note: lambda *_: until_told(note)) as found:
        found.wait_for("ready")
        os.kill(found.pid, signal.SIGHUP)
        found.wait_for("got SIGHUP")
        os.kill(found.pid, signal.SIGINT)
        assert found.exit_code() == 0
        assert "got SIGTERM" in found.notes.read_text()


def test_a_dead_engine_is_replaced_at_once_and_its_successor_knows_what_it_knew(tmp_path: Path) -> None:
    def live(note: Callable[[str], None]) -> Live:
        def life(estate: Estate, bequeath: Callable[[Estate], None]) -> None:
            note(f"{estate.standing} {estate.released_until} restarts={estate.restarts}")
            bequeath(replace(estate, standing=Standing.UNREADY))
            bequeath(replace(estate, standing=Standing.HEALTHY, released_until=7.5))
            note("bequeathed")
            signal.pause()

        return life

    with guarded(tmp_path, live) as found:
        found.wait_for("bequeathed")
        killed = time.monotonic()
        os.kill(found.engine(), signal.SIGKILL)
        found.wait_for("healthy 7.5 restarts=1")
        assert time.monotonic() - killed < 1.0


def test_one_that_dies_again_and_again_is_given_rests(tmp_path: Path) -> None:
    def live(note: Callable[[str], None]) -> Live:
        def life(estate: Estate, bequeath: Callable[[Estate], None]) -> None:
            note(f"restarts={estate.restarts} at={time.monotonic():.3f}")
            os._exit(3)

        return life

    with guarded(tmp_path, live) as found:
        said = found.wait_for("restarts=3 ")
        first, second, third, fourth = (
            float(line.split("at=")[1].split()[0]) for line in said.splitlines()[:4]
        )
        assert second - first < 0.4
        assert third - second >= 0.5
        assert fourth - third >= 1.0
        told = time.monotonic()
        os.kill(found.pid, signal.SIGTERM)
        found.exit_code()
        assert time.monotonic() - told < 1.5  # the rest would have taken 2 s


def test_a_death_on_the_way_out_is_told(tmp_path: Path) -> None:
    def live(note: Callable[[str], None]) -> Live:
        def life(estate: Estate, bequeath: Callable[[Estate], None]) -> None:
            signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            note("ready")
            signal.pause()

        return life

    with guarded(tmp_path, live) as found:
        found.wait_for("ready")
        os.kill(found.pid, signal.SIGTERM)
        assert found.exit_code() == 1


def test_what_the_dead_engine_left_running_ends_before_the_next_one_starts(tmp_path: Path) -> None:
    def live(note: Callable[[str], None]) -> Live:
        def life(estate: Estate, bequeath: Callable[[Estate], None]) -> None:
            if estate.restarts == 0:
                pid = os.fork()
                if pid == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)
                    while True:
                        signal.pause()
                note(f"left={pid}")
                os.kill(pid, signal.SIGTERM)
                os._exit(1)
            left = int((tmp_path / "notes").read_text().split("left=")[1].split()[0])
            note("gone" if not Path(f"/proc/{left}").exists() else "still there")
            signal.pause()

        return life

    with guarded(tmp_path, live) as found:
        found.wait_for("gone")


def test_the_engine_ends_with_its_guard(tmp_path: Path) -> None:
    with guarded(tmp_path, lambda note: lambda *_: until_told(note)) as found:
        found.wait_for("ready")
        os.kill(found.pid, signal.SIGKILL)
        found.wait_for("got SIGTERM")
