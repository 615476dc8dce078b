"""A process that runs the engine: from the settings to the last hand-over, driven by signals."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine

from vipalived.agent import log, process
from vipalived.agent.child import Child, call
from vipalived.agent.native import Engine
from vipalived.agent.plan import Plan
from vipalived.errors import InvalidSettings, VipalivedError

ReadPlan = Callable[[], Plan]


def run(read: ReadPlan, *, reloads: bool = True) -> int:
    """Runs until SIGTERM has been obeyed; the exit code. `read` is called in a child process, at each SIGHUP again.

    Raises InvalidSettings for settings that cannot be used at the start, and PermissionMissing.
    """
    process.require_permissions()
    plan = call(read)
    log.to_stderr()
    asyncio.run(_Agent(read if reloads else None).serve(plan))
    return 0


class _Agent:
    """Signals in, engine calls out."""

    def __init__(self, read: ReadPlan | None) -> None:
        self._read = read
        self._engine: Engine | None = None
        self._next: Plan | None = None
        self._terminating = asyncio.Event()
        self._reading: Child[Plan] | None = None
        self._log = log.Log("agent")

    async def serve(self, plan: Plan) -> None:
        """Until SIGTERM; a plan of another identity gets an engine of its own."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        if refused := process.be_prompt():
            self._log.say(refused)
        self._next = plan
        while self._next is not None and not self._terminating.is_set():
            plan, self._next = self._next, None
            await self._live(plan)

    async def _live(self, plan: Plan) -> None:
        places = [process.Place(plan.interface, plan.vrid, member.family) for member in plan.members]
        try:
            for place in places:
                await self._take(place, plan)
            if self._terminating.is_set():
                return
            engine = self._engine = Engine(plan)
            try:
                engine.start()
                process.settle()
                await engine.ended.wait()
            finally:
                self._engine = None
                engine.close()
        finally:
            for place in places:
                place.leave()

    async def _take(self, place: process.Place, plan: Plan) -> None:
        """Waits for another instance on this host to end, or for SIGTERM."""
        while not self._terminating.is_set() and (predecessor := place.take()) is not None:
            self._log.say(
                f"waiting: another instance runs virtual router {plan.vrid} on {plan.interface} of this host"
            )
            with predecessor:
                await self._first(_closed(predecessor), self._terminating.wait())

    @staticmethod
    async def _first(*waits: Coroutine[object, object, object]) -> None:
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    def _terminate(self) -> None:
        """The first signal resigns, another one lets go at once."""
        engine = self._engine
        if engine is not None:
            (engine.abandon if self._terminating.is_set() else engine.shut_down)()
        self._terminating.set()

    # settings that change

    def _reload(self) -> None:
        if self._read is None:
            self._log.say("cannot reload: the values came from stdin")
        elif self._reading is None:
            self._reading = Child(self._read)
            asyncio.get_running_loop().add_reader(self._reading, self._hear_plan)

    def _hear_plan(self) -> None:
        child = self._reading
        if child is None or not child.read():
            return
        asyncio.get_running_loop().remove_reader(child)
        self._reading = None
        try:
            self._follow(child.result())
        except InvalidSettings as error:
            for problem in error.problems:
                self._log.say(f"refused to reload: {problem}")
        except (VipalivedError, RuntimeError) as error:
            self._log.say(f"refused to reload: {error}")

    def _follow(self, plan: Plan) -> None:
        engine = self._engine
        if engine is None or self._terminating.is_set():
            self._next = plan
        elif plan == engine.plan:
            self._log.say("reloaded: nothing has changed")
        elif plan.succeeds(engine.plan):
            engine.reconfigure(plan)
            self._log.say("reloaded")
        else:
            self._log.say("reloaded: another virtual router or interface, which needs a new start")
            self._next = plan
            engine.shut_down()


async def _closed(connection: socket.socket) -> None:
    """Until the other end is closed."""
    try:
        await asyncio.get_running_loop().sock_recv(connection, 1)
    except ConnectionResetError:
        return
