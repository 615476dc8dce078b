"""One keepalived, kept running with the configuration that is wanted: tested, started, reloaded, started again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from vipalived.agent.plan import Plan
from vipalived.agent.supervised.backoff import Backoff
from vipalived.agent.supervised.daemon import Daemon
from vipalived.agent.supervised.files import Files
from vipalived.agent.supervised.keepalived import Keepalived
from vipalived.net import clock

COUNTING: Final = 10.0
"""Seconds between two looks at keepalived's own counters."""
LAST_WORDS: Final = 3.0
"""Seconds that keepalived has to end; it takes one."""


class Owner(Protocol):
    """Who decides what keepalived runs with, and cleans up after it."""

    def wanted(self) -> tuple[Plan, str]:
        """The plan, and the configuration for it, that keepalived should run with now."""

    def adopts(self, plan: Plan) -> None:
        """keepalived is about to read the configuration for this plan."""

    def refuses(self, plan: Plan, why: str) -> None:
        """It would not take it, and goes on with what it had."""

    def cleans_up(self) -> None:
        """A predecessor, if there was one, is gone."""

    def has_ended(self, code: int) -> None:
        """keepalived is gone, with this exit code."""

    def counted(self, sent: int, received: int) -> None:
        """How many advertisements it has seen since its start."""

    def trouble(self, about: str, sentence: str) -> None:
        """What the operator should know."""


class Supervisor:
    """`run` lasts until `stop`."""

    def __init__(self, owner: Owner, files: Files, keepalived: Keepalived) -> None:
        self._owner, self._files, self._keepalived = owner, files, keepalived
        self.stopping = False
        self._daemon: Daemon | None = None
        self._configuration = ""
        self._speaks, self._changed, self._hurry = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Whatever happens, it is tried again."""
        for pid in self._files.predecessors():
            await self._outlast(pid)
        self._owner.cleans_up()
        backoff = Backoff()
        while not self.stopping:
            try:
                await self._live()
            except Exception as error:  # noqa: BLE001 - an unsupervised keepalived must not be left
                self.destroy()
                self._owner.trouble("supervision", f"supervising keepalived failed: {error!r}")
            if not self.stopping:
                await self._rest(backoff.rest(clock.now()))

    def speaks(self) -> None:
        """keepalived has told of its state: it may be sent signals that would have killed it before."""
        self._speaks.set()

    def change(self) -> None:
        """Another configuration may be wanted."""
        self._changed.set()

    def hurry(self) -> None:
        """What was in the way may be gone: try again at once."""
        self._hurry.set()

    def stop(self) -> None:
        """Let keepalived hand over and end."""
        self.stopping = True
        self._hurry.set()
        if self._daemon is not None:
            self._daemon.signal(signal.SIGTERM)
            self._loop.call_later(LAST_WORDS, self._daemon.kill)

    def destroy(self) -> None:
        """End keepalived now, without a word."""
        if self._daemon is not None:
            self._daemon.destroy()
            self._daemon = None

    async def _live(self) -> None:
        plan, configuration = self._owner.wanted()
        refusal = await self._keepalived.refusal(configuration)
        if refusal is not None:
            self._owner.trouble("start", f"cannot start keepalived: {refusal}")
        if refusal is not None or self.stopping:
            return
        self._files.forget_pids()
        self._owner.adopts(plan)
        self._apply(configuration)
        try:
            daemon = self._daemon = self._keepalived.start()
        except OSError as error:
            self._owner.trouble("start", f"cannot start keepalived: {error.strerror}")
            return
        await self._accompany(daemon)

    async def _accompany(self, daemon: Daemon) -> None:
        tasks = [
            asyncio.ensure_future(self._again_and_again(work, daemon)) for work in (self._follow, self._count)
        ]
        try:
            code = await daemon.ended()
        finally:
            self._speaks.clear()
            for task in tasks:
                task.cancel()
        self._daemon = None
        self._owner.has_ended(code)

    async def _again_and_again(self, work: Callable[[Daemon], object], daemon: Daemon) -> None:
        await self._speaks.wait()
        while True:
            try:
                await work(daemon)  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - a failure must be heard, and the next time be better
                self._owner.trouble(f"task {work.__name__}", f"{work.__qualname__} failed: {error!r}")
                await asyncio.sleep(1)

    async def _follow(self, daemon: Daemon) -> None:
        """keepalived itself queues a reload that comes during another one."""
        await self._changed.wait()
        self._changed.clear()
        plan, configuration = self._owner.wanted()
        if configuration == self._configuration:
            return
        refusal = await self._keepalived.refusal(configuration)
        if refusal is not None:
            self._owner.refuses(plan, refusal)
            return
        self._owner.adopts(plan)
        self._apply(configuration)
        daemon.signal(signal.SIGHUP)

    def _apply(self, configuration: str) -> None:
        self._files.write(self._files.configuration, configuration)
        self._configuration = configuration

    async def _count(self, daemon: Daemon) -> None:
        await asyncio.sleep(COUNTING)
        counted = await self._keepalived.statistics(daemon)
        if counted:
            self._owner.counted(counted["advert_sent"], counted["advert_rcvd"])

    async def _rest(self, seconds: float) -> None:
        self._hurry.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def _outlast(self, pid: int) -> None:
        """A keepalived of an agent that has died has been told to end, and needs a second for it."""
        try:
            end = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            for number in (signal.SIGTERM, signal.SIGKILL):
                signal.pidfd_send_signal(end, number)
                if await self._readable(end, LAST_WORDS):
                    return
        except ProcessLookupError:
            return
        finally:
            os.close(end)

    async def _readable(self, descriptor: int, seconds: float) -> bool:
        ready = asyncio.Event()
        self._loop.add_reader(descriptor, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._loop.remove_reader(descriptor)
        return True
