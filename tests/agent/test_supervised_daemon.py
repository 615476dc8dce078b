"""Real processes: heard, ended with all that they have started, and reaped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest

from vipalived.agent import process
from vipalived.agent.supervised.daemon import Daemon, meaning

T = TypeVar("T")
PATIENCE = 20.0


def run(story: Coroutine[object, object, T]) -> T:
    async def timed() -> T:
        async with asyncio.timeout(PATIENCE):
            return await story

    return asyncio.run(timed())


def shell(script: str, said: list[str]) -> Daemon:
    return Daemon(("sh", "-c", script), os.environ, said.append)


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 5", 5), ("kill -KILL $$", -9)])
def test_how_it_ends(script: str, code: int) -> None:
    async def story() -> int:
        return await shell(script, []).ended()

    assert run(story()) == code


def test_each_line_is_heard_the_last_ones_too() -> None:
    said: list[str] = []

    async def story() -> None:
        await shell("echo one; echo two >&2; echo three", said).ended()

    run(story())
    assert said == ["one", "two", "three"]


def test_what_it_leaves_behind_is_ended_and_reaped() -> None:
    said: list[str] = []

    async def story() -> int:
        process.adopt_orphans()
        return await shell("sleep 1000 & echo $!; kill -KILL $$", said).ended()

    assert run(story()) == -9
    assert not Path(f"/proc/{said[0]}").exists()


def test_a_signal_reaches_it() -> None:
    said: list[str] = []

    async def story() -> int:
        heard = asyncio.Event()
        daemon = Daemon(
            ("sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"),
            os.environ,
            lambda _: heard.set(),
        )
        await heard.wait()
        daemon.signal(signal.SIGTERM)
        code = await daemon.ended()
        daemon.signal(signal.SIGTERM)  # in vain
        daemon.kill()
        return code

    assert run(story()) == 7
    assert said == []


def test_it_can_be_destroyed_at_once() -> None:
    said: list[str] = []

    async def story() -> None:
        daemon = shell("echo $$; exec sleep 1000", said)
        while not said:
            await asyncio.sleep(0.001)
        daemon.destroy()
        daemon.destroy()

    run(story())
    assert not Path(f"/proc/{said[0]}").exists()


def test_it_is_told_to_end_when_this_process_dies(tmp_path: Path) -> None:
    """Whoever starts it is killed; it says that it was told, and ends."""
    note = tmp_path / "note"
    script = f"trap 'echo told > {note}.new; mv {note}.new {note}; exit' TERM; echo ready; while :; do sleep 0.01; done"
    starter = f"""
import asyncio, os, signal
from vipalived.agent.supervised.daemon import Daemon
async def main():
    ready = asyncio.Event()
    Daemon(("sh", "-c", {script!r}), os.environ, lambda _: ready.set())
    await ready.wait()
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", starter], timeout=PATIENCE, check=False).returncode == -9

    async def story() -> None:
        while not note.exists():
            await asyncio.sleep(0.01)

    run(story())
    assert note.read_text() == "told\n"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (0, "ended unasked: somebody else told it to, or it takes another process for itself (exit code 0)"),
        (1, "gave up (exit code 1)"),
        (2, "cannot use its configuration on this node (exit code 2)"),
        (4, "lacks a permission, NET_ADMIN or NET_RAW (exit code 4)"),
        (-9, "was ended by SIGKILL"),
        (-99, "was ended by signal 99"),
    ],
)
def test_what_an_exit_code_means(code: int, sentence: str) -> None:
    assert meaning(code) == sentence
