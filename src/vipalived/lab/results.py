"""What was measured, as data: trials, their summary, the verdict, and the JSON that carries them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario, once, with one engine. Times are milliseconds, counted from the fault.

    `error` says why a trial ended without figures, `void` why its figures count for nothing.
    `one_holder_ms` is how long after the lab's last act one node held the VIP for good. A bound that is
    None is a promise that the engine does not make. `moves` counts how often the VIP came to a node or
    left one; where it `stays`, it must not.
    `answered_by` holds (node or None, start, end), `marks` (moment, what the lab did then),
    `stalls` (start, length) of the client's own pauses.
    """

    engine: str
    scenario: str
    trial: int
    bound_ms: float
    two_holders_bound_ms: float | None = None
    one_holder_bound_ms: float | None = None
    stays: bool = False
    holder: str | None = None
    successor: str | None = None
    blackout_ms: float | None = None
    gaps: Sequence[tuple[float, float]] = ()
    lost: int | None = None
    sent: int | None = None
    two_holders_ms: float | None = None
    no_holder_ms: float | None = None
    one_holder_ms: float | None = None
    http_failed: int | None = None
    http_sent: int | None = None
    http_blackout_ms: float | None = None
    window_ms: tuple[float, float] | None = None
    answered_by: Sequence[tuple[str | None, float, float]] = ()
    marks: Sequence[tuple[float, str]] = ()
    stalls: Sequence[tuple[float, float]] = ()
    recovered: bool = True
    moves: int = 0
    void: str | None = None
    error: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its figures enter the summary."""
        return self.blackout_ms is not None and self.void is None

    @property
    def missed(self) -> str | None:
        """Why the trial is not within its bound, or None."""
        if self.error is not None:
            return self.error
        if self.void is not None or self.blackout_ms is None:
            return None
        if not self.recovered:
            return f"not recovered after {self.blackout_ms:.0f} ms without an answer"
        for measured, limit, what in (
            (self.blackout_ms, self.bound_ms, "without an answer"),
            (self.two_holders_ms, self.two_holders_bound_ms, "with two holders"),
            (self.one_holder_ms, self.one_holder_bound_ms, "until one holder was left"),
        ):
            if measured is not None and limit is not None and measured > limit:
                return f"{measured:.0f} ms {what}, bound {limit:.0f} ms"
        return "the VIP moved, which nothing asked for" if self.stays and self.moves else None

    def as_json(self) -> dict[str, Any]:
        """The trial in the shape of the report; `from` and `to` are the holders before and after."""
        data = asdict(self)
        data["from"], data["to"] = data.pop("holder"), data.pop("successor")
        return data


@dataclass(frozen=True, slots=True)
class Summary:
    """The blackouts of one scenario and engine; figures are None where no trial counts.

    `lossless` counts the trials in which not one datagram was lost.
    """

    engine: str
    scenario: str
    trials: int
    median_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    bound_ms: float
    lossless: int = 0
    missed: int = 0
    void: int = 0


@dataclass(slots=True)
class Report:
    """Everything a run has measured so far."""

    lab: Mapping[str, Any]
    trials: list[Trial] = field(default_factory=list)

    def summary(self) -> list[Summary]:
        """One row per scenario and engine, in the order in which they were first run."""
        groups: dict[tuple[str, str], list[Trial]] = {}
        for trial in self.trials:
            groups.setdefault((trial.scenario, trial.engine), []).append(trial)
        return [summarise(trials) for trials in groups.values()]

    def misses(self, besides: Collection[str] = ()) -> list[Trial]:
        """The trials that are not within their bounds, besides those of the engines named."""
        return [trial for trial in self.trials if trial.engine not in besides and trial.missed]

    def spoilt(self) -> list[Trial]:
        """The control trials with a gap, of any engine: the apparatus itself lost datagrams."""
        return [trial for trial in self.trials if trial.scenario == "control" and trial.gaps]

    def as_json(self) -> dict[str, Any]:
        """The whole report, ready for `json.dumps`."""
        return {
            "lab": dict(self.lab),
            "trials": [trial.as_json() for trial in self.trials],
            "summary": [asdict(row) for row in self.summary()],
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(percent / 100 * len(ordered)), 1) - 1]


def summarise(trials: Sequence[Trial]) -> Summary:
    """The row for trials of one scenario and engine."""
    blackouts = [trial.blackout_ms for trial in trials if trial.counts and trial.blackout_ms is not None]
    return Summary(
        engine=trials[0].engine,
        scenario=trials[0].scenario,
        trials=len(blackouts),
        median_ms=round(statistics.median(blackouts), 1) if blackouts else None,
        p99_ms=percentile(blackouts, 99) if blackouts else None,
        max_ms=max(blackouts) if blackouts else None,
        bound_ms=max(trial.bound_ms for trial in trials),
        lossless=sum(1 for blackout in blackouts if blackout == 0),
        missed=sum(1 for trial in trials if trial.missed),
        void=sum(1 for trial in trials if trial.void is not None),
    )
