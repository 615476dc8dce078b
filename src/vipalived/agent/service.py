"""The agent: one engine, the health check, status and control, and settings that change, in one loop.

It is driven by signals, by the control socket and by the files that the settings come from. Whatever escapes an event
handler is a bug: it is told, the engine is closed, and a fresh one takes up what is on the interface.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from vipalived.agent import absence, interface, kept, log, process, signals
from vipalived.agent.control import Control
from vipalived.agent.guarded import BackOff, guarded
from vipalived.agent.ledger import Ledger
from vipalived.agent.log import Log
from vipalived.agent.native import Engine
from vipalived.agent.plan import Plan
from vipalived.agent.reader import Reader
from vipalived.agent.snapshot import Snapshot
from vipalived.agent.succession import Claimant, Seat
from vipalived.interfaces import AUTO, Undecided
from vipalived.net import clock
from vipalived.vrrp.model import Health, Standing

if TYPE_CHECKING:
    from vipalived.agent.checker import Checker

_WAITING: Final = 1.0
"""Seconds between two looks for an interface where there is none yet."""

ReadPlan = Callable[[], Plan]


class Sources(Struct, frozen=True):
    """Where the settings come from: `read` is called in a child process, again when one of `files` changes.

    Without files they cannot change. `options` are what else they are made of; None where they have parts that may
    change unseen. `directory` is where the agent keeps its sockets and files.
    """

    read: ReadPlan
    files: Sequence[Path]
    options: tuple[str, ...] | None
    directory: Path


class Service:
    """Signals, questions and news in; engine calls out."""

    def __init__(self, sources: Sources, plan: Plan) -> None:
        self._sources, self._plan = sources, plan
        self._health = Health(Standing.HEALTHY if plan.health is None else Standing.UNPROVEN)
        self._released_until: float | None = None
        self._ledger = Ledger(plan)
        self._engine: Engine | None = None
        self._checker: Checker | None = None
        self._control = Control(sources.directory, self, self._trouble)
        self._endpoint: asyncio.Task[None] | None = None
        self._seat: Seat | None = None
        self._next: Plan | None = plan
        self._superseded = asyncio.Event()
        self._terminating = asyncio.Event()
        self._reader = Reader(partial(kept.read, sources), self._follow, self._refuse)
        self._rejoining: asyncio.TimerHandle | None = None
        self._changing_check = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._escaped: asyncio.Future[None] = self._loop.create_future()
        self._log = Log("agent")

    async def serve(self) -> None:
        """Until SIGTERM; a plan of another identity gets an engine of its own."""
        self._loop.set_exception_handler(self._catch)
        signals.obey(self._terminate, self._reload)
        if refused := process.be_prompt():
            self._log.say(refused)
        self._introduce(self._plan)
        if (until := absence.remembered(self._sources.directory)) is not None:
            self._log.say(f"still released, for {until - clock.now():.0f} s")
            self._set_released(until)
        tasks = [self._task("control socket", self._control.serve)]
        await asyncio.sleep(0)  # It listens: whoever sees that this node takes part may ask it.
        self._open_endpoint(self._plan)
        tasks += [
            self._task("watch over the settings", self._watch),
            self._task("watch over the interface", self._watch_interface),
        ]
        try:
            self._once(self._check_health(self._plan))
            await self._run_engines()
        finally:
            await self._check_health(None)
            self._open_endpoint(None)
            self._reader.close()
            for task in tasks:
                task.cancel()

    def _introduce(self, plan: Plan) -> None:
        for warning in plan.warnings:
            self._log.warn(warning)
        if plan.unnamed:
            self._log.say(f"`nodes` does not name {plan.node}, which has the values for all nodes")

    async def _run_engines(self) -> None:
        """One after the other: for the next plan, or after a bug."""
        back_off = BackOff()
        while self._next is not None and not self._terminating.is_set():
            self._plan, self._next = self._next, None
            began = clock.now()
            try:
                if await self._settle_interface():
                    await self._live(self._plan)
            except Exception as error:  # noqa: BLE001 - a bug must not end the agent: the next engine goes on
                rest = back_off.rest(clock.now() - began)
                self._bug("engine", error, rest)
                self._ledger.restarted()
                self._next = self._next or self._plan
                if rest or self._terminating.is_set():
                    process.sweep(self._plan)
                await self._check_health(self._plan)
                await self._first(asyncio.sleep(rest), self._terminating.wait())

    async def _live(self, plan: Plan) -> None:
        seat = self._seat = Seat(plan, self._claimant)
        self._superseded.clear()
        try:
            if not seat.take_free():
                await self._first(seat.take(self._wait), self._terminating.wait(), self._superseded.wait())
            if self._terminating.is_set() or self._superseded.is_set():
                return
            self._ledger.state("INITIALIZE", "predecessor-ended")
            self._escaped = self._loop.create_future()
            engine = self._engine = Engine(plan, self._ledger)
            try:
                engine.stand(self._health)
                engine.start(inherited=seat.inherited)
                if self._released_until is not None:
                    engine.release(forced=True, conclude=self._conclude)
                self._import_the_rest(plan)
                process.settle()
                await self._first(engine.ended.wait(), self._escape())
            finally:
                self._engine = None
                engine.close()
        finally:
            self._seat = None
            seat.leave()

    def _import_the_rest(self, plan: Plan) -> None:
        """What neither the election waits for, nor then a question, a scrape or a changed file."""
        if plan.health is not None:
            import vipalived.agent.checker
        if plan.endpoint is not None:
            import vipalived.agent.endpoint
            import vipalived.agent.metrics
        if self._sources.files:
            import vipalived.agent.watch  # noqa: F401

    async def _escape(self) -> None:
        """Raises what escapes an event handler; a task of its own, so that the future itself is not cancelled."""
        await asyncio.shield(self._escaped)

    def _catch(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio hands on, since nobody caught it."""
        del loop
        error = context.get("exception")
        if isinstance(error, OSError) and "socket" in context:
            # A listening socket that cannot accept, for want of descriptors or memory: asyncio tries again.
            self._trouble("accept", f"cannot accept a connection: {error.strerror}")
            return
        bug = error if isinstance(error, Exception) else RuntimeError(context["message"])
        if self._engine is None or self._escaped.done():
            self._bug("agent", bug, None)
        else:
            self._escaped.set_exception(bug)

    def _bug(self, where: str, error: Exception, rest: float | None) -> None:
        after = "" if rest is None else "; it starts afresh " + (f"in {rest:g} s" if rest else "at once")
        self._log.bug(f"a bug in the {where}{after}: {error!r}", error)
        self._ledger.trouble(f"a bug in the {where}: {error!r}")

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

    def _wait(self) -> None:
        plan = self._plan
        if self._ledger.current != "WAITING":
            self._log.say(
                f"waiting: another instance runs virtual router {plan.vrid} on {plan.interface} of this host"
            )
        self._ledger.state("WAITING", "another-instance-on-this-node")

    def _claimant(self) -> Claimant:
        return Claimant(self._plan.role, self._health.standing, self._released_until is not None)

    @staticmethod
    async def _first(*waits: Coroutine[object, object, object]) -> None:
        """Until one of them has come to its end, which may be an exception."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        for task in done:
            task.result()

    def _task(self, name: str, work: Callable[[], Coroutine[object, object, None]]) -> asyncio.Task[None]:
        return self._loop.create_task(guarded(name, work, self._bug), name=name)

    def _once(self, work: Coroutine[object, object, None]) -> None:
        """What fails in it has escaped, as from an event handler."""
        self._loop.create_task(work).add_done_callback(lambda task: task.cancelled() or task.result())

    def _terminate(self) -> None:
        """The first signal resigns, another one lets go at once."""
        engine, seat = self._engine, self._seat
        if engine is not None and self._terminating.is_set():
            engine.abandon()
        elif engine is not None and seat is not None:
            self._once(self._resign(engine, seat))
        self._terminating.set()

    async def _resign(self, engine: Engine, seat: Seat) -> None:
        """To an instance that waits on this host, if it is an equal one; else to another node."""
        role, standing = self._plan.role, self._health.standing
        try:
            if role and (why := await seat.find_heir(lambda one: one.unfit(role, standing))):
                self._log.say(f"not left to the other instance on this host: {why}")
        finally:
            if not engine.ended.is_set():
                engine.shut_down(heir=seat.has_heir)

    def _trouble(self, about: str, sentence: str) -> None:
        self._log.trouble(about, sentence)
        self._ledger.trouble(sentence)

    # health

    async def _check_health(self, plan: Plan | None) -> None:
        """By this plan from now on; without a check every node counts as healthy."""
        async with self._changing_check:
            if self._checker is not None:
                checker, self._checker = self._checker, None
                await checker.close()
            if plan is not None and plan.health is not None:
                from vipalived.agent.checker import Checker

                self._checker = Checker(plan.health, self._stand, standing=self._health.standing)
                self._checker.start()
            elif plan is not None:
                self._stand(Health(Standing.HEALTHY), "it is not checked")

    def _stand(self, health: Health, error: str) -> None:
        standing, before = health.standing, self._health.standing
        self._ledger.health(standing, error)
        if standing is not before:
            because = f" ({error})" if error else ""
            self._log.say(f"the API server: {before} -> {standing}{because}")
        if health != self._health:
            self._health = health
            if self._engine is not None:
                self._engine.stand(health)

    # what the operator asks

    def _open_endpoint(self, plan: Plan | None) -> None:
        """Where this plan wants it from now on."""
        if self._endpoint is not None:
            self._endpoint.cancel()
            self._endpoint = None
        if plan is not None and plan.endpoint is not None:
            self._endpoint = self._task("endpoint", partial(self._serve, *plan.endpoint))

    async def _serve(self, address: str, port: int) -> None:
        from vipalived.agent.endpoint import Endpoint

        await Endpoint(address, port, self.snapshot, self._endpoint_trouble).serve()

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

    def release(self, seconds: float | None, *, force: bool) -> None:
        """Give the addresses away and stay out, for so long or until told otherwise.

        Unless by `force`, only if another node takes them; else this one keeps them, and is released no longer.
        """
        until = math.inf if seconds is None else clock.now() + seconds
        self._log.say("released" if seconds is None else f"released for {seconds:g} s")
        self._set_released(until)
        if self._engine is None:
            self._conclude(True)
        else:
            self._engine.release(forced=force, conclude=self._conclude)

    def _conclude(self, holds: bool) -> None:
        """Only a release that holds outlasts this process: one that nobody has answered may leave the VIP nowhere."""
        if holds:
            absence.remember(self._sources.directory, self._released_until)
        elif self._released_until is not None:
            self._log.say("not released: nobody else took the addresses")
            self._set_released(None)

    def rejoin(self) -> None:
        """Take part again."""
        self._log.say("rejoined")
        self._set_released(None)
        if self._engine is not None:
            self._engine.rejoin()

    def _set_released(self, until: float | None) -> None:
        self._released_until = until
        self._ledger.released(until)
        if until is None:
            absence.remember(self._sources.directory, None)
        if self._rejoining is not None:
            self._rejoining.cancel()
            self._rejoining = None
        if until is not None and not math.isinf(until):
            self._rejoining = self._loop.call_later(max(0.0, until - clock.now()), self.rejoin)

    # settings that change

    async def _watch(self) -> None:
        if self._sources.files:
            from vipalived.agent.watch import watch

            await watch(self._sources.files, self._reload)

    def _reload(self) -> None:
        if self._sources.files:
            self._reader.request()
        else:
            self._log.say("cannot reload: the values came from elsewhere than a file")

    def _refuse(self, problems: Sequence[str]) -> None:
        for problem in problems:
            self._log.say(f"refused to reload: {problem}")
        self._ledger.configuration("; ".join(problems))

    def _follow(self, plan: Plan) -> None:
        engine, newest = self._engine, self._next or self._plan
        if plan.automatic and newest.automatic and newest.interface != AUTO:
            plan = plan.on(newest.interface, newest.chosen)
        self._ledger.configuration(None)
        if plan == newest:
            self._log.say("reloaded: nothing has changed")
            return
        self._ledger.changed_configuration()
        if plan.health != newest.health:
            self._once(self._check_health(plan))
        if plan.endpoint != newest.endpoint:
            self._open_endpoint(plan)
        log.set_level(plan.log_level)
        if (plan.unnamed, plan.warnings) != (newest.unnamed, newest.warnings):
            self._introduce(plan)
        if engine is None or self._next is not None or self._terminating.is_set():
            # There is none yet, or it makes way for a successor: this plan is the successor's.
            self._next = plan
            self._superseded.set()
        elif plan.succeeds(newest):
            engine.reconfigure(plan)
            self._plan = plan
            self._log.say("reloaded")
        else:
            self._log.say("reloaded: another virtual router or interface, which needs a new start")
            self._next = plan
            engine.shut_down()
        self._ledger.follow(plan)
