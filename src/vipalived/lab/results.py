"""What was measured, as data: trials, their summary, the verdict, and the JSON that carries them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario, once, with one engine. Times are milliseconds, counted from the fault.

    Where the scenario is judged by `https`, the figure is how long clients got no answer to HTTPS requests after the
    lab's last act; otherwise it is the longest stretch without an answer to datagrams.
    `error` says why a trial ended without figures, `void` why its figures count for nothing.
    `one_holder_ms` is how long after the lab's last act one node held the VIP for good. A bound that is
    None is a promise that the engine does not make; `stays` is one that it makes. `moves` counts how often the
    VIP came to a node or left one: a move is two of them. `holders` is how many nodes have the VIP in the end, `beaten`
    are those that had it for less than an Advertisement_Interval, where nodes have one priority and may claim together.
    `http_cut` counts the requests that failed because they were under way when the VIP moved, `http_failed` all
    others without an answer; these, and the stretches without an answer, are of requests on new connections, and
    `http_kept_` of those on one that is kept as long as it works.
    `answered_by` holds (node or None, start, end), `marks` (moment, what the lab did then),
    `stalls` (start, length) of the client's own pauses.
    """

    engine: str
    scenario: str
    trial: int
    bound_ms: float | None
    two_holders_bound_ms: float | None = None
    one_holder_bound_ms: float | None = None
    no_holder_bound_ms: float | None = None
    http_bound_ms: float | None = None
    http_failed_bound: int | None = None
    moves_bound: int | None = None
    stays: bool = False
    https: bool = False
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
    http_cut: int | None = None
    http_sent: int | None = None
    http_blackout_ms: float | None = None
    http_kept_failed: int | None = None
    http_kept_sent: int | None = None
    http_kept_blackout_ms: float | None = None
    http_recovery_ms: float | None = None
    window_ms: tuple[float, float] | None = None
    answered_by: Sequence[tuple[str | None, float, float]] = ()
    marks: Sequence[tuple[float, str]] = ()
    stalls: Sequence[tuple[float, float]] = ()
    recovered: bool = True
    moves: int = 0
    beaten: Sequence[str] = ()
    holders: int | None = None
    void: str | None = None
    error: str | None = None

    @property
    def figure_ms(self) -> float | None:
        """What the trial is about; infinite where clients were never served again while the lab waited."""
        if self.https and not self.recovered:
            return math.inf
        return self.http_recovery_ms if self.https else self.blackout_ms

    @property
    def figure_bound_ms(self) -> float | None:
        """The bound of that."""
        return self.http_bound_ms if self.https else self.bound_ms

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
        if not self.recovered and self.figure_bound_ms is not None:
            if self.https:
                return "HTTPS was never answered again"
            return f"not recovered after {self.blackout_ms:.0f} ms without an answer"
        for measured, limit, what in (
            (self.blackout_ms, self.bound_ms, "ms without an answer"),
            (self.http_recovery_ms, self.http_bound_ms, "ms without an answer over HTTPS"),
            (self.two_holders_ms, self.two_holders_bound_ms, "ms with two holders"),
            (self.one_holder_ms, self.one_holder_bound_ms, "ms until one holder was left"),
            (self.no_holder_ms, self.no_holder_bound_ms, "ms without a holder"),
            (self.http_failed, self.http_failed_bound, "failed HTTPS requests"),
            (self.moves, self.moves_bound, "times the VIP came or went"),
        ):
            if measured is not None and limit is not None and measured > limit:
                return f"{measured:.0f} {what}, bound {limit:.0f}{self._together}"
        if self.stays and self.successor != self.holder:
            return f"the VIP went from {self.holder} to {self.successor}, and was to stay"
        return None

    @property
    def _together(self) -> str:
        """What has made it so, as far as one can see."""
        if not self.beaten:
            return ""
        return f"; {' and '.join(self.beaten)} claimed the VIP too, which priorities further apart prevent"

    def as_json(self) -> dict[str, Any]:
        """The trial in the shape of the report; `from` and `to` are the holders before and after."""
        data = asdict(self)
        data["from"], data["to"] = data.pop("holder"), data.pop("successor")
        return data


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one scenario and engine; they are None where no trial counts, the bound where none is promised.

    `https` says whether they are about HTTPS requests, or datagrams. Where they were so long that it counts as
    never, they are None and `never` counts the trials. `lossless` counts those in which not one datagram was lost.
    Of the time with two holders and without one it is the longest of a trial, `contested` counts those that ended
    with two.
    """

    engine: str
    scenario: str
    trials: int
    median_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    bound_ms: float | None
    https: bool = False
    two_holders_ms: float | None = None
    two_holders_bound_ms: float | None = None
    no_holder_ms: float | None = None
    no_holder_bound_ms: float | None = None
    contested: int = 0
    lossless: int = 0
    never: int = 0
    missed: int = 0
    void: int = 0

    @property
    def bound(self) -> str:
        """The bound, for a table."""
        return _promised(self.bound_ms)

    @property
    def holding(self) -> tuple[tuple[str, bool, str], ...]:
        """Of the time with two holders, and of that without one: the figure, whether it is too long, and the bound."""
        return tuple(
            ("-" if figure is None else f"{figure:.1f}", _breaks(figure, bound), _promised(bound))
            for figure, bound in (
                (self.two_holders_ms, self.two_holders_bound_ms),
                (self.no_holder_ms, self.no_holder_bound_ms),
            )
        )

    def says(self, figure: float | None) -> str:
        """One of the figures, for a table."""
        return f"{figure:.1f}" if figure is not None else "never" if self.never else "-"

    def beyond(self, figure: float | None) -> bool:
        """Whether one of the figures is more than is promised."""
        return _breaks(figure, self.bound_ms)


def _promised(bound: float | None) -> str:
    return "-" if bound is None else f"{bound:.0f}"


def _breaks(figure: float | None, bound: float | None) -> bool:
    return figure is not None and bound is not None and figure > bound


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
    counted = [trial for trial in trials if trial.counts]
    figures = [trial.figure_ms for trial in counted if trial.figure_ms is not None]
    bounds = [trial.figure_bound_ms for trial in trials if trial.figure_bound_ms is not None]
    return Summary(
        engine=trials[0].engine,
        scenario=trials[0].scenario,
        trials=len(figures),
        median_ms=_finite(statistics.median(figures)) if figures else None,
        p99_ms=_finite(percentile(figures, 99)) if figures else None,
        max_ms=_finite(max(figures)) if figures else None,
        bound_ms=max(bounds, default=None),
        https=trials[0].https,
        never=sum(1 for figure in figures if math.isinf(figure)),
        two_holders_ms=_most(trial.two_holders_ms for trial in counted),
        two_holders_bound_ms=_most(trial.two_holders_bound_ms for trial in trials),
        no_holder_ms=_most(trial.no_holder_ms for trial in counted),
        no_holder_bound_ms=_most(trial.no_holder_bound_ms for trial in trials),
        contested=sum(1 for trial in counted if (trial.holders or 0) > 1),
        lossless=sum(1 for trial in counted if trial.blackout_ms == 0),
        missed=sum(1 for trial in trials if trial.missed),
        void=sum(1 for trial in trials if trial.void is not None),
    )


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _finite(value: float) -> float | None:
    """JSON knows no infinity."""
    return None if math.isinf(value) else round(value, 1)
