"""From single answers of the local API server to the standing of the node, with hysteresis.

`facts`: what an API server answers at its start, at its stop, when etcd stalls and when it hangs stands in
docs/design.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from vipalived.vrrp.model import Standing


class HealthCheck(Struct, frozen=True, kw_only=True):
    """The `healthCheck` values as the agent needs them; seconds. Empty files are None."""

    url: str
    interval: float = 0.5
    timeout: float = 1.0
    fall: int = 3
    rise: int = 2
    ca_file: str | None = None
    client_cert_file: str | None = None
    client_key_file: str | None = None
    token_file: str | None = None


class Outcome(StrEnum):
    """How one question ended."""

    OK = "ok"
    """200."""
    UNAUTHORIZED = "unauthorized"
    """401: it answers, though not us."""
    FORBIDDEN = "forbidden"
    """403: it answers so, too, while it starts."""
    BUSY = "busy"
    """429: it answers, and sends away whoever asks; neither good nor bad."""
    STOPPING = "stopping"
    """500 with `[-]shutdown`."""
    UNREADY = "unready"
    """Any other answer."""
    SLOW = "slow"
    """No answer in time, from a server that does finish its handshakes or on a connection that was there."""
    HANGING = "hanging"
    """No end of a TCP or TLS handshake in time."""
    REFUSED = "refused"
    """Nobody listens, or the connection was reset before an answer."""


LASTING: Final = 5.0
"""403 says that the API server answers once it has lasted longer than a start takes: 1.4 s, and slower machines."""
QUICK: Final = 0.1
"""Seconds between two questions while the answer may change the standing soon."""


class State(Struct, frozen=True):
    """What the outcomes so far amount to. A restarted process begins with the standing of its predecessor.

    `successes`, `failures` and `hangs` are in a row, the latest included. 403 counts for nothing until it lasts,
    and 429 never does.
    """

    standing: Standing = Standing.UNPROVEN
    successes: int = 0
    failures: int = 0
    hangs: int = 0
    refused: bool = False
    forbidden_since: float | None = None

    def steady(self, check: HealthCheck) -> bool:
        """Whether it has answered well once more than it takes to be healthy, and just now: enough to preempt by."""
        return self.standing is Standing.HEALTHY and self.successes > check.rise


def judge(check: HealthCheck, state: State, outcome: Outcome, now: float) -> State:
    """What one more outcome, which came at `now` (seconds, any monotonic clock), makes of the state."""
    match outcome:
        case Outcome.OK | Outcome.UNAUTHORIZED:
            return _success(check, replace(state, forbidden_since=None))
        case Outcome.FORBIDDEN:
            return _forbidden(check, state, now)
        case Outcome.BUSY:
            return replace(state, refused=False)
        case Outcome.SLOW:
            # No answer is not another answer: 403 goes on lasting, or a busy server could never be healthy by it.
            return _failure(check, state, outcome)
        case Outcome.STOPPING | Outcome.REFUSED | Outcome.UNREADY | Outcome.HANGING:
            return _failure(check, replace(state, forbidden_since=None), outcome)
        case _:
            assert_never(outcome)


def pause(check: HealthCheck, state: State) -> float:
    """Seconds until the next question: few while a first answer is awaited, or one that confirms the last."""
    healthy = state.standing is Standing.HEALTHY
    if not healthy and (state.refused or state.successes > 0):
        return min(check.interval, QUICK)
    return check.interval / 2 if healthy and state.failures else check.interval


def _success(check: HealthCheck, state: State) -> State:
    successes = state.successes + 1
    standing = Standing.HEALTHY if successes >= check.rise else state.standing
    return State(standing, successes=successes, forbidden_since=state.forbidden_since)


def _forbidden(check: HealthCheck, state: State, now: float) -> State:
    since = now if state.forbidden_since is None else state.forbidden_since
    state = replace(state, refused=False, forbidden_since=since)
    return _success(check, state) if now - since >= LASTING else state


def _failure(check: HealthCheck, state: State, outcome: Outcome) -> State:
    state = replace(
        state,
        successes=0,
        failures=state.failures + 1,
        hangs=state.hangs + 1 if outcome is Outcome.HANGING else 0,
        refused=outcome is Outcome.REFUSED,
    )
    return replace(state, standing=_fallen(check, state, outcome))


def _fallen(check: HealthCheck, state: State, outcome: Outcome) -> Standing:
    """The standing after a failure that `state` counts already."""
    if state.standing is Standing.UNPROVEN:
        return Standing.UNPROVEN
    if outcome in {Outcome.STOPPING, Outcome.REFUSED} or _frozen(check, state):
        return Standing.DEAD
    if state.standing is Standing.HEALTHY and state.failures >= check.fall:
        return Standing.UNREADY
    if state.standing is Standing.DEAD and outcome is Outcome.UNREADY:
        return Standing.UNREADY
    return state.standing


def _frozen(check: HealthCheck, state: State) -> bool:
    """The first failure of a row may be on a kept connection, where a hang cannot be told from slowness."""
    return state.failures >= check.fall and state.hangs >= max(1, check.fall - 1)
