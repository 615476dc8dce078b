"""Something that serves, in a loop of its own beside the test, and what to wait for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from tests.agent.story import Story
from vipalived.agent.snapshot import Snapshot


@contextmanager
def serving(serve: Callable[[], Coroutine[object, object, None]]) -> Iterator[None]:
    """Runs it until the end of the block; it must end by being cancelled and by nothing else."""
    ready, ended = threading.Event(), []
    loop = asyncio.new_event_loop()

    def run() -> None:
        nonlocal task
        asyncio.set_event_loop(loop)
        task = loop.create_task(serve())
        loop.call_soon(ready.set)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            ended.append("cancelled")
        finally:
            # What asyncio.run does to connections that are still open.
            rest = asyncio.all_tasks(loop)
            for one in rest:
                one.cancel()
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    task: asyncio.Task[None]
    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(5)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
    assert ended == ["cancelled"]


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.005)


class Controls:
    """What an agent can be asked, and what it was."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.asked: list[object] = []

    def snapshot(self) -> Snapshot:
        return self.story.shown()

    def release(self, seconds: float | None, *, force: bool) -> None:
        self.asked.append((seconds, force))

    def rejoin(self) -> None:
        self.asked.append("rejoin")
