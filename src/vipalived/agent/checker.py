"""The health check: asks the local API server, and watches a kept connection for its end.

What the findings amount to is `health.judge`'s business; this module has the schedule and the connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vipalived.agent.connection import Connection, Finding
from vipalived.agent.target import Target
from vipalived.health.judge import HealthCheck, Outcome, State, judge, pause
from vipalived.vrrp.model import Health, Standing

_STRIKES = 2
"""A dying server may break the connection that replaces a broken one; it refuses the next."""
_REOPENINGS = 2
"""So many ended idle connections are replaced between two questions: a server may end every one of them."""


class _Question:
    timer: asyncio.TimerHandle

    def __init__(self, connection: Connection) -> None:
        self.connection = connection


class Checker:
    """Asks from `start` until `close`; `told` hears each change of `health`, and each new error while not healthy."""

    def __init__(
        self,
        check: HealthCheck,
        told: Callable[[Health, str], None],
        *,
        standing: Standing = Standing.UNPROVEN,
    ) -> None:
        self.error = ""
        self._check = check
        self._told = told
        self._state = State(standing)
        self._target = Target(check)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._questions: list[_Question] = []
        self._spare: Connection | None = None
        self._reopenings = 0
        self._connections: set[Connection] = set()
        self._all_gone = asyncio.Event()

    @property
    def standing(self) -> Standing:
        """What is known of the API server by now."""
        return self._state.standing

    @property
    def health(self) -> Health:
        """What the state machine is to know of it."""
        return Health(self.standing, self._state.steady(self._check))

    # life

    def start(self) -> None:
        """Ask the first question at once."""
        self._tick()

    async def close(self) -> None:
        """Leaves no connection, timer or task."""
        for timer in (self._timer, *(question.timer for question in self._questions)):
            if timer is not None:
                timer.cancel()
        for connection in self._connections:
            connection.abort()
        if self._connections:
            await self._all_gone.wait()

    # the schedule

    def _tick(self) -> None:
        self._arm(self._check.interval)
        self._reopenings = 0
        connection, self._spare = self._spare or self._open(), None
        question = _Question(connection)
        question.timer = self._loop.call_later(self._check.timeout, self._overdue, question)
        self._questions.append(question)
        connection.ask()

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._tick)

    def _overdue(self, question: _Question) -> None:
        # The time that this process overslept is not the server's; and in the next turn what has arrived by now
        # is read before this timer.
        overslept = min(max(0.0, self._loop.time() - question.timer.when()), self._check.timeout)
        question.timer = self._loop.call_later(overslept, self._give_up, question)

    def _give_up(self, question: _Question) -> None:
        connection = question.connection
        connection.abort()
        if connection.ready:
            finding = Finding(Outcome.SLOW, f"no answer within {self._check.timeout:g} s")
        else:
            finding = Finding(Outcome.HANGING, f"no connection within {self._check.timeout:g} s")
        self._conclude(question, finding)

    def _conclude(self, question: _Question, finding: Finding) -> None:
        question.timer.cancel()
        self._questions.remove(question)
        self._note(finding)

    def _note(self, finding: Finding) -> None:
        before, error = self.health, self.error
        self._state = judge(self._check, self._state, finding.outcome, self._loop.time())
        if self._state.successes and self.standing is Standing.HEALTHY:
            self.error = ""
        else:
            self.error = finding.error or self.error
        again = pause(self._check, self._state)
        if self._timer is not None and self._loop.time() + again < self._timer.when():
            self._arm(again)
        another = self.standing is not Standing.HEALTHY and self.error != error
        if self.health != before or another:
            self._told(self.health, self.error)

    # the connections

    def _open(self, strikes: int = 0) -> Connection:
        connection = Connection(self._target, self, strikes)
        self._connections.add(connection)
        self._all_gone.clear()
        return connection

    def _keep(self, connection: Connection) -> None:
        if self._spare is not None:
            self._spare.abort()
        self._spare = connection

    def _watch(self, strikes: int = 0) -> None:
        """Have an idle connection, whose end will tell of the server's."""
        if self._spare is None and self._reopenings < _REOPENINGS:
            self._reopenings += 1
            self._spare = self._open(strikes)

    def _question_on(self, connection: Connection) -> _Question | None:
        return next((one for one in self._questions if one.connection is connection), None)

    def answered(self, connection: Connection, finding: Finding, *, reusable: bool) -> None:
        """A question has its answer."""
        question = self._question_on(connection)
        if question is not None:
            self._conclude(question, finding)
        connection.strikes = 0
        if reusable:
            self._keep(connection)
        else:
            self._watch()

    def ended(self, connection: Connection, finding: Finding | None) -> None:
        """A connection broke, or could not be opened."""
        question = self._question_on(connection)
        if question is not None:
            self._ended_asked(question, connection, finding)
        else:
            self._spare = None
            self._ended_idle(connection, finding)

    def _ended_asked(self, question: _Question, connection: Connection, finding: Finding | None) -> None:
        if finding is None and connection.strikes < _STRIKES:
            question.connection = self._open(connection.strikes + 1)
            question.connection.ask()
        else:
            self._conclude(question, finding or _broken())

    def _ended_idle(self, connection: Connection, finding: Finding | None) -> None:
        if finding is None and connection.ready:
            # An orderly end of a living server, or the end of the server: a new connection tells.
            self._watch(strikes=1)
        elif finding is None and connection.strikes < _STRIKES:
            self._spare = self._open(connection.strikes + 1)
        elif finding is None or finding.outcome is Outcome.REFUSED:
            self._note(finding or _broken())

    def gone(self, connection: Connection) -> None:
        """Nothing is left of a connection."""
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()


def _broken() -> Finding:
    return Finding(Outcome.REFUSED, "it ends every connection without an answer")
