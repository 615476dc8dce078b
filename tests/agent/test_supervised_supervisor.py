"""A stand-in for keepalived, supervised: started, tested, reloaded, started again, ended."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from vipalived.agent import process
from vipalived.agent.plan import Plan
from vipalived.agent.supervised import supervisor as module
from vipalived.agent.supervised.files import Files
from vipalived.agent.supervised.keepalived import Keepalived
from vipalived.agent.supervised.supervisor import Supervisor

STAND_IN = r"""#!/bin/sh
# `bad` in a configuration makes it invalid, `quit` makes the program end at once, `deaf` stubborn
while [ $# -gt 0 ]; do
  case "$1" in
    --signum=JSON) echo 36; exit 0 ;;
    --config-test) test=1 ;;
    -f) file=$2 ;;
    -p) pid=$2 ;;
  esac
  shift
done
if [ "$test" ]; then
  grep -q bad "$file" || exit 0
  echo "($file: Line 3) Unknown keyword 'c4n4ry77'"; exit 5
fi
if [ -s "$pid" ]; then echo already running; exit 0; fi
echo $$ > "$pid"
grep -q quit "$file" && exit 2
trap 'echo "reloads $(cat "$file")"' HUP
trap 'rm "$pid"; exit 0' TERM
trap 'echo "[{\"data\": {\"auth_data\": \"c4n4ry77\"}, \"stats\": {\"advert_sent\": 7, \"advert_rcvd\": 2}},
  {\"data\": {}, \"stats\": {\"advert_sent\": 3, \"advert_rcvd\": 1}}]" > "$TMPDIR/keepalived.json"' 36
grep -q deaf "$file" && trap '' TERM
echo "Thu Nov 26 02:52:21 2026: reads $(cat "$file") with c4n4ry77"
while :; do sleep 0.01; done
"""
PATIENCE = 20.0
PLAN = Plan("eth0", (), ())


class Stage:
    """A supervisor and its owner, who notes everything."""

    def __init__(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        program = place / "bin" / "keepalived"
        program.parent.mkdir()
        program.write_text(STAND_IN)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        self.files, self.program, self._caplog = Files(place), program, caplog
        self.notes: list[str] = []
        self.configuration = "good"

    def wanted(self) -> tuple[Plan, str]:
        return PLAN, self.configuration

    def adopts(self, plan: Plan) -> None:
        assert plan is PLAN
        self.notes.append(f"adopts {self.configuration}")

    def refuses(self, plan: Plan, why: str) -> None:
        self.notes.append(f"refuses: {why}")

    def cleans_up(self) -> None:
        self.notes.append("cleans up")

    def has_ended(self, code: int) -> None:
        self.notes.append(f"ended {code}")

    def counted(self, sent: int, received: int) -> None:
        self.notes.append(f"counted {sent} {received}")

    def trouble(self, about: str, sentence: str) -> None:
        self.notes.append(sentence)

    def said(self, text: str) -> bool:
        return any(text in record.getMessage() for record in self._caplog.records)

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            await asyncio.sleep(0.005)

    def play(self, story: Callable[[Supervisor], Coroutine[Any, Any, None]]) -> None:
        """The story beside the supervisor, which must have come to its end after it."""

        async def both() -> None:
            async with asyncio.timeout(PATIENCE):
                process.adopt_orphans()
                self.files.make()
                supervisor = Supervisor(self, self.files, Keepalived(self.files, "cp-1", ["c4n4ry77"]))
                life = asyncio.ensure_future(supervisor.run())
                await story(supervisor)
                await life

        asyncio.run(both())
        assert not self.said("c4n4ry77")
        assert not any("c4n4ry77" in note for note in self.notes)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Stage:
    caplog.set_level(logging.INFO, "vipalived")
    return Stage(tmp_path, monkeypatch, caplog)


def test_a_life(stage: Stage) -> None:
    async def story(supervisor: Supervisor) -> None:
        await stage.until(lambda: stage.said("keepalived reads good with ***"))
        supervisor.stop()

    stage.play(story)
    assert stage.notes == ["cleans up", "adopts good", "ended 0"]


def test_a_reload_is_tested_first_and_what_is_refused_is_not_read(stage: Stage) -> None:
    async def story(supervisor: Supervisor) -> None:
        await stage.until(lambda: stage.said("reads good"))
        stage.configuration = "better"
        supervisor.change()
        supervisor.speaks()
        await stage.until(lambda: stage.said("reloads better"))
        stage.configuration = "bad"
        supervisor.change()
        await stage.until(lambda: len(stage.notes) == 4)
        supervisor.stop()

    stage.play(story)
    assert stage.notes == [
        "cleans up",
        "adopts good",
        "adopts better",
        "refuses: keepalived refuses it with exit code 5: (keepalived.conf: Line 3) Unknown keyword '***'",
        "ended 0",
    ]
    assert stage.files.configuration.read_text() == "better"


def test_no_signal_is_sent_before_keepalived_has_spoken(stage: Stage) -> None:
    async def story(supervisor: Supervisor) -> None:
        await stage.until(lambda: stage.said("reads good"))
        stage.configuration = "better"
        supervisor.change()
        await asyncio.sleep(0.1)
        assert stage.notes == ["cleans up", "adopts good"]
        supervisor.stop()

    stage.play(story)


def test_it_is_started_again_at_once_and_then_after_a_rest(stage: Stage) -> None:
    async def story(supervisor: Supervisor) -> None:
        stage.configuration = "quit"
        await stage.until(lambda: stage.notes.count("ended 2") == 2)
        assert stage.files.pid_files[0].exists()
        await asyncio.sleep(0.1)
        assert stage.notes.count("ended 2") == 2
        stage.configuration = "good"
        supervisor.hurry()
        await stage.until(lambda: stage.said("reads good"))
        supervisor.stop()

    stage.play(story)


def test_a_configuration_that_is_refused_at_the_start_is_tried_again(stage: Stage) -> None:
    async def story(supervisor: Supervisor) -> None:
        stage.configuration = "bad"
        await stage.until(lambda: len(stage.notes) == 3)
        stage.configuration = "good"
        await stage.until(lambda: stage.said("reads good"))
        supervisor.stop()

    stage.play(story)
    refusal = "keepalived refuses it with exit code 5: (keepalived.conf: Line 3) Unknown keyword '***'"
    assert stage.notes[1] == f"cannot start keepalived: {refusal}"


def test_without_a_program(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vipalived.agent.supervised.keepalived.PROGRAM", "no-such-program")

    async def story(supervisor: Supervisor) -> None:
        # The second try follows at once.
        await stage.until(lambda: len(stage.notes) >= 3)
        supervisor.stop()

    stage.play(story)
    refusal = "keepalived refuses it with exit code 127: No such file or directory"
    assert stage.notes == ["cleans up", *[f"cannot start keepalived: {refusal}"] * 2]


def test_one_that_does_not_end_is_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_WORDS", 0.1)
    stage.configuration = "deaf"

    async def story(supervisor: Supervisor) -> None:
        await stage.until(lambda: stage.said("reads deaf"))
        supervisor.stop()

    stage.play(story)
    assert stage.notes[-1] == "ended -9"


def test_its_counters_are_summed_and_nothing_else_is_taken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COUNTING", 0.1)

    async def story(supervisor: Supervisor) -> None:
        await stage.until(lambda: stage.said("reads good"))
        supervisor.speaks()
        await stage.until(lambda: "counted 10 3" in stage.notes)
        supervisor.stop()

    stage.play(story)


def test_a_predecessor_is_ended_first(stage: Stage) -> None:
    """It has lost its agent, and holds its pid file; it may be frozen, too."""
    stage.files.make()
    stage.files.write(stage.files.configuration, "good")
    words = [str(stage.program), "-f", str(stage.files.configuration), "-p", str(stage.files.pid_files[0])]

    async def story(supervisor: Supervisor) -> None:
        await stage.until(lambda: stage.said("reads good"))
        assert stage.notes == ["cleans up", "adopts good"]
        assert os.waitpid(pid, 0) == (pid, 0)
        supervisor.stop()

    pid = os.spawnv(os.P_NOWAIT, words[0], words)
    asyncio.run(_exists(stage.files.pid_files[0]))
    stage.play(story)


async def _exists(path: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while not (path.exists() and path.read_text()):
            await asyncio.sleep(0.005)


def test_a_failure_of_ours_leaves_no_keepalived_behind(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def adopts(_: Plan) -> None:
        stage.notes.append("adopts")
        if stage.notes.count("adopts") == 1:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage, "adopts", adopts)

    async def story(supervisor: Supervisor) -> None:
        await stage.until(lambda: stage.said("reads good"))
        supervisor.stop()

    stage.play(story)
    failed = "supervising keepalived failed: OSError(28, 'No space left on device')"
    assert stage.notes == ["cleans up", "adopts", failed, "adopts", "ended 0"]
