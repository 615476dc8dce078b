"""The engine process: one engine, the health check, status and control, and settings that change, in one loop.

It is driven by signals, by the control socket and by the files that the settings come from; all that it knows
and its successor must know goes to the guard as an `Estate`.
"""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vipalived.agent import interface, log, native, process, supervised
from vipalived.agent.checker import Checker
from vipalived.agent.child import Child
from vipalived.agent.control import Control
from vipalived.agent.endpoint import Endpoint
from vipalived.agent.engine import Engine
from vipalived.agent.estate import Estate
from vipalived.agent.guard import Bequeath
from vipalived.agent.ledger import Ledger
from vipalived.agent.log import Log
from vipalived.agent.plan import Plan
from vipalived.agent.snapshot import Snapshot
from vipalived.agent.succession import Claimant, Seat
from vipalived.agent.watch import watch
from vipalived.errors import InvalidSettings, VipalivedError
from vipalived.interfaces import AUTO, Undecided
from vipalived.net import clock
from vipalived.vrrp.model import Standing

_MEMORY: Final = 5.0
"""Seconds between two words to the guard that nothing but the counters calls for."""

_WAITING: Final = 1.0
"""Seconds between two looks for an interface where there is none yet."""

ReadPlan = Callable[[], Plan]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the settings come from: `read` is called in a child process, again when one of `files` changes.

    Without files they cannot change; `directory` is where the agent keeps its sockets and files.
    """

    read: ReadPlan
    files: Sequence[Path]
    directory: Path


def live(sources: Sources, estate: Estate, bequeath: Bequeath) -> None:
    """A whole life of an engine process."""

    async def serve() -> None:
        await Service(sources, estate, bequeath).serve()

    asyncio.run(serve())


class Service:
    """Signals, questions and news in; engine calls out."""

    def __init__(self, sources: Sources, estate: Estate, bequeath: Bequeath) -> None:
        self._sources, self._estate, self._bequeath = sources, estate, bequeath
        self._plan = estate.plan
        self._ledger = Ledger(
            estate.plan, restarts=estate.restarts, estate=estate.ledger, urgent=self._leave_word
        )
        self._engine: Engine | None = None
        self._checker: Checker | None = None
        self._control = Control(sources.directory, self, self._trouble)
        self._endpoint: asyncio.Task[None] | None = None
        self._seat: Seat | None = None
        self._next: Plan | None = None
        self._superseded = asyncio.Event()
        self._terminating = asyncio.Event()
        self._reading: Child[Plan] | None = None
        self._rejoining: asyncio.TimerHandle | None = None
        self._changing_check = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._log = Log("agent")

    async def serve(self) -> None:
        """Until SIGTERM; a plan of another identity gets an engine of its own."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._terminate)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        if refused := process.be_prompt():
            self._log.say(refused)
        await self._check_health(self._plan)
        self._open_endpoint(self._plan)
        self._count_down()
        beside = (self._control.serve(), self._watch(), self._remember(), self._watch_interface())
        tasks = [self._task(work) for work in beside]
        try:
            self._next = self._plan
            while self._next is not None and not self._terminating.is_set():
                self._plan, self._next = self._next, None
                if await self._settle_interface():
                    await self._live(self._plan)
        finally:
            await self._check_health(None)
            self._open_endpoint(None)
            for task in tasks:
                task.cancel()

    async def _live(self, plan: Plan) -> None:
        seat = self._seat = Seat(plan, self._claimant)
        self._superseded.clear()
        try:
            await self._first(seat.take(self._wait), self._terminating.wait(), self._superseded.wait())
            if self._terminating.is_set() or self._superseded.is_set():
                return
            self._ledger.state("INITIALIZE", "predecessor-ended")
            engine = self._engine = self._make(plan)
            try:
                engine.stand(self._estate.standing)
                engine.start(inherited=seat.inherited)
                if self._estate.released_until is not None:
                    engine.release()
                process.settle()
                await engine.ended.wait()
            finally:
                self._engine = None
                engine.close()
        finally:
            seat.leave()

    async def _settle_interface(self) -> bool:
        """Wait until `auto` means an interface; False when something else is wanted before it does."""
        while self._plan.interface == AUTO:
            try:
                choice = await interface.look(self._plan)
            except (Undecided, OSError) as error:
                self._trouble("interface", f"waiting for an interface: {error}")
                await self._first(asyncio.sleep(_WAITING), self._terminating.wait())
                if self._next is not None or self._terminating.is_set():
                    return False
            else:
                self._go_on(self._plan.on(choice.interface, choice.reason))
        return True

    def _go_on(self, plan: Plan) -> None:
        """On the interface that was chosen, which is told, and all the more if it was another one before."""
        self._plan = plan
        self._log.say(f"interface auto: {plan.interface} {plan.chosen}", interface=plan.interface)
        if before := interface.replaced(self._sources.directory, plan.interface):
            self._trouble("interface changed", f"interface auto: {plan.interface}, and no longer {before}")
        self._ledger.follow(plan)
        self._leave_word(plan=plan)

    async def _watch_interface(self) -> None:
        """While running, whether `auto` would mean another one."""
        while True:
            await asyncio.sleep(interface.LOOKING)
            if self._plan.automatic and self._engine is not None:
                await self._compare_interface(self._plan)

    async def _compare_interface(self, plan: Plan) -> None:
        try:
            choice = await interface.look(plan)
        except (Undecided, OSError):
            return  # it has one, and there is no better
        other = None if choice.interface == plan.interface else f"{choice.interface} {choice.reason}"
        if other is not None:
            self._trouble(
                "interface elsewhere", f"interface auto would be another one at the next start: {other}"
            )
        self._ledger.other_interface(other)

    def _make(self, plan: Plan) -> Engine:
        if plan.engine == "native":
            return native.Engine(plan, self._ledger)
        return supervised.Engine(plan, self._ledger, self._sources.directory)

    def _wait(self) -> None:
        plan = self._plan
        if self._ledger.current != "WAITING":
            self._log.say(
                f"waiting: another instance runs virtual router {plan.vrid} on {plan.interface} of this host"
            )
        self._ledger.state("WAITING", "another-instance-on-this-node")

    def _claimant(self) -> Claimant:
        estate = self._estate
        return Claimant(self._plan.role, estate.standing, estate.released_until is not None)

    @staticmethod
    async def _first(*waits: Coroutine[object, object, object]) -> None:
        """Until one of them has come to its end, which may be an exception."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        for task in done:
            task.result()

    def _task(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        return asyncio.ensure_future(self._guarded(work))

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        """A task beside the engine: its failure must be heard, and must not be the engine's."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, the address stays where it is
            self._trouble("task", f"a bug in the agent: {error!r}")

    def _terminate(self) -> None:
        """The first signal resigns, another one lets go at once."""
        engine, seat = self._engine, self._seat
        if engine is not None and self._terminating.is_set():
            engine.abandon()
        elif engine is not None and seat is not None:
            self._task(self._resign(engine, seat))
        self._terminating.set()

    async def _resign(self, engine: Engine, seat: Seat) -> None:
        """To an instance that waits on this host, if it is an equal one; else to another node."""
        role, standing = self._plan.role, self._estate.standing
        try:
            if role and (why := await seat.find_heir(lambda one: one.unfit(role, standing))):
                self._log.say(f"not left to the other instance on this host: {why}")
        finally:
            if not engine.ended.is_set():
                engine.shut_down(heir=seat.has_heir)

    def _trouble(self, about: str, sentence: str) -> None:
        self._log.trouble(about, sentence)
        self._ledger.trouble(sentence)

    def _leave_word(self, **changes: object) -> None:
        self._estate = replace(self._estate, ledger=self._ledger.estate(), **changes)  # type: ignore[arg-type]
        self._bequeath(self._estate)

    async def _remember(self) -> None:
        """The counters of the last seconds are all that a death may cost."""
        while True:
            await asyncio.sleep(_MEMORY)
            self._leave_word()

    # health

    async def _check_health(self, plan: Plan | None) -> None:
        """By this plan from now on; without a check every node counts as healthy."""
        async with self._changing_check:
            if self._checker is not None:
                checker, self._checker = self._checker, None
                await checker.close()
            if plan is not None and plan.health is not None:
                self._checker = Checker(plan.health, self._stand, standing=self._estate.standing)
                self._checker.start()
            elif plan is not None:
                self._stand(Standing.HEALTHY, "it is not checked")

    def _stand(self, standing: Standing, error: str) -> None:
        self._ledger.health(standing, error)
        if standing is not self._estate.standing:
            because = f" ({error})" if error else ""
            self._log.say(f"the API server: {self._estate.standing} -> {standing}{because}")
            if self._engine is not None:
                self._engine.stand(standing)
            self._leave_word(standing=standing)

    # what the operator asks

    def _open_endpoint(self, plan: Plan | None) -> None:
        """Where this plan wants it from now on."""
        if self._endpoint is not None:
            self._endpoint.cancel()
            self._endpoint = None
        if plan is not None and plan.endpoint is not None:
            endpoint = Endpoint(*plan.endpoint, self.snapshot, self._endpoint_trouble)
            self._endpoint = self._task(endpoint.serve())

    def _endpoint_trouble(self, about: str, sentence: str) -> None:
        """The instance that this one waits for has the port, too, and that is as it should be."""
        if self._ledger.current == "WAITING":
            self._log.detail(sentence)
        else:
            self._trouble(about, sentence)

    def snapshot(self) -> Snapshot:
        """What `vipalived status` and the endpoint show."""
        if self._checker is not None:
            self._ledger.health(self._checker.standing, self._checker.error)
        return self._ledger.snapshot()

    def release(self, seconds: float | None) -> None:
        """Give the addresses away and stay out, for so long or until told otherwise."""
        until = math.inf if seconds is None else clock.now() + seconds
        self._log.say("released" if seconds is None else f"released for {seconds:g} s")
        self._set_released(until)
        if self._engine is not None:
            self._engine.release()

    def rejoin(self) -> None:
        """Take part again."""
        self._log.say("rejoined")
        self._set_released(None)
        if self._engine is not None:
            self._engine.rejoin()

    def _set_released(self, until: float | None) -> None:
        self._leave_word(released_until=until)
        self._count_down()

    def _count_down(self) -> None:
        until = self._estate.released_until
        self._ledger.released(until)
        if self._rejoining is not None:
            self._rejoining.cancel()
            self._rejoining = None
        if until is not None and not math.isinf(until):
            self._rejoining = self._loop.call_later(max(0.0, until - clock.now()), self.rejoin)

    # settings that change

    async def _watch(self) -> None:
        if self._sources.files:
            await watch(self._sources.files, self._reload)

    def _reload(self) -> None:
        if not self._sources.files:
            self._log.say("cannot reload: the values came from elsewhere than a file")
        elif self._reading is None:
            self._reading = Child(self._sources.read)
            self._loop.add_reader(self._reading, self._hear_plan)

    def _hear_plan(self) -> None:
        child = self._reading
        if child is None or not child.read():
            return
        self._loop.remove_reader(child)
        self._reading = None
        try:
            self._follow(child.result())
        except InvalidSettings as error:
            self._refuse([str(problem) for problem in error.problems])
        except (VipalivedError, RuntimeError) as error:
            self._refuse([str(error)])

    def _refuse(self, problems: Sequence[str]) -> None:
        for problem in problems:
            self._log.say(f"refused to reload: {problem}")
        self._ledger.configuration("; ".join(problems))

    def _follow(self, plan: Plan) -> None:
        engine, previous = self._engine, self._plan
        if plan.automatic and previous.automatic and previous.interface != AUTO:
            plan = plan.on(previous.interface, previous.chosen)
        self._ledger.configuration(None)
        if plan == previous:
            self._log.say("reloaded: nothing has changed")
            return
        if plan.health != previous.health:
            self._task(self._check_health(plan))
        if plan.endpoint != previous.endpoint:
            self._open_endpoint(plan)
        log.set_level(plan.log_level)
        self._ledger.follow(plan)
        if engine is None or self._terminating.is_set():
            self._next = plan
            self._superseded.set()
        elif plan.succeeds(previous):
            self._plan = plan
            engine.reconfigure(plan)
            self._log.say("reloaded")
        else:
            self._log.say("reloaded: another engine, virtual router or interface, which needs a new start")
            self._next = plan
            engine.shut_down()
        self._leave_word(plan=plan)
