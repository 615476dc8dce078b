"""One trial from start to figures: a scenario, with an engine, in a world that is there already."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vipalived.lab.kubectl import PERIOD, QUICK, read
from vipalived.lab.measure import (
    Stretch,
    beaten,
    cut,
    disputed,
    gaps,
    holder_times,
    longest,
    milliseconds,
    recovery,
    request_stretch,
    runs,
    stalls,
)
from vipalived.lab.pressure import Quota
from vipalived.lab.programme import Case
from vipalived.lab.results import Trial
from vipalived.lab.scenarios import SCENARIOS, Scenario
from vipalived.lab.servers import ApiServer
from vipalived.lab.stage import Stage, TrialFailed, Waits
from vipalived.lab.watch import HolderWatch
from vipalived.lab.world import ROOT, World

_STALL = 20_000_000
"""From here on a pause between two datagrams is the client's own, not its schedule."""
_TOO_LONG = 50_000_000
"""A pause of the client's own that voids a trial if it touches a gap: half of the bounds' allowance."""

FAILURE = "failure.txt"


class Theatre:
    """A world, its watch and what all trials in it share."""

    def __init__(
        self,
        world: World,
        watch: HolderWatch,
        authority: Path,
        servers: Mapping[str, ApiServer],
        quota: Quota,
        interrupted: Callable[[], bool],
        waits: Waits,
    ) -> None:
        self.world, self.watch, self.authority, self.servers = world, watch, authority, servers
        self.quota, self.interrupted, self.waits = quota, interrupted, waits

    def play(self, case: Case) -> tuple[Trial, dict[str, str]]:
        """Carries one trial out; returns it with the texts that tell its story, by file name.

        They are the nodes' logs and configurations and, where something was wrong, FAILURE.
        """
        directory = ROOT / "trial"
        directory.mkdir()
        stage = Stage(
            self.world,
            self.watch,
            self.servers,
            case.engine,
            case.settings,
            case.timing,
            case.limits,
            directory,
            self.quota,
            self.interrupted,
            self.waits,
        )
        try:
            trial = self._attempt(stage, case)
            files = stage.files()
            if trial.missed:
                files[FAILURE] = self._failure(stage)
            return trial, files
        finally:
            stage.clear()
            stage.close()
            shutil.rmtree(directory)

    def _attempt(self, stage: Stage, case: Case) -> Trial:
        try:
            scenario = SCENARIOS[case.scenario]
            with stage.asking(self.authority, QUICK if scenario.https else PERIOD):
                self._perform(stage, scenario, case.number)
        except TrialFailed as failure:
            name = case.engine.name
            return Trial(name, case.scenario, case.number, **_bounds(case), error=failure.message)
        return evaluate(stage, case)

    @staticmethod
    def _perform(stage: Stage, scenario: Scenario, number: int) -> None:
        for node in stage.nodes:
            stage.unhindered(node)
        scenario.start(stage)
        scenario.before(stage)
        stage.drift(number)
        stage.begin()
        scenario.run(stage)
        stage.end()

    def _failure(self, stage: Stage) -> str:
        """Addresses and logs, for a person who wants to know what went wrong."""
        logs = (
            f"--- {name}\n{text.rstrip()}" for name, text in stage.files().items() if name.endswith(".log")
        )
        return "\n".join([self.world.describe(), *logs])


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)


def _bounds(case: Case) -> dict[str, Any]:
    """The limits as a trial carries them."""
    limits = case.limits
    return {
        "bound_ms": _milliseconds(limits.blackout),
        "two_holders_bound_ms": _milliseconds(limits.two_holders),
        "one_holder_bound_ms": _milliseconds(limits.one_holder),
        "no_holder_bound_ms": _milliseconds(limits.no_holder),
        "http_bound_ms": _milliseconds(limits.http),
        "http_failed_bound": limits.http_failed,
        "moves_bound": limits.moves,
        "stays": limits.stays,
        "https": SCENARIOS[case.scenario].https,
    }


def evaluate(stage: Stage, case: Case) -> Trial:
    """The figures of a stage whose scenario is over."""
    window = Stretch(stage.began, stage.ended - stage.began)
    datagrams = stage.record.between(window.start, window.end)
    requests, kept = read(stage.requests, window.start, window.end)
    answered = runs(datagrams, window.end)
    found = gaps(answered)
    pauses = stalls(datagrams, _STALL)
    doubtful = longest(disputed(found, pauses))
    sightings = [one for one in stage.watch.sightings() if window.start <= one.at < window.end]
    nobody, several = holder_times(stage.watch.holders(window.start), sightings, window)
    last_act = max(moment for moment, _ in stage.marks)
    unlucky = cut(requests, [sighting.at for sighting in sightings if sighting.present])
    last = next((run.node for run in reversed(answered) if run.node is not None), None)

    def after_fault(moment: int) -> float:
        return milliseconds(moment - stage.fault)

    return Trial(
        engine=case.engine.name,
        scenario=case.scenario,
        trial=case.number,
        **_bounds(case),
        holder=stage.holder,
        successor=last,
        blackout_ms=milliseconds(longest(found)),
        gaps=[(after_fault(gap.start), milliseconds(gap.length)) for gap in found],
        lost=sum(1 for datagram in datagrams if datagram.node is None),
        sent=len(datagrams),
        two_holders_ms=milliseconds(several),
        no_holder_ms=milliseconds(nobody),
        one_holder_ms=milliseconds(max([0, *(one.at - last_act for one in sightings)])),
        http_failed=sum(1 for request in requests if not request.succeeded) - len(unlucky),
        http_cut=len(unlucky),
        http_sent=len(requests),
        http_blackout_ms=milliseconds(request_stretch(requests, window.end)),
        http_kept_failed=sum(1 for request in kept if not request.succeeded),
        http_kept_sent=len(kept),
        http_kept_blackout_ms=milliseconds(request_stretch(kept, window.end)),
        http_recovery_ms=milliseconds(recovery(requests, last_act, window.end)),
        window_ms=(after_fault(window.start), after_fault(window.end)),
        answered_by=[(run.node, after_fault(run.start), after_fault(run.end)) for run in answered],
        marks=[(after_fault(moment), text) for moment, text in stage.marks],
        stalls=[(after_fault(pause.start), milliseconds(pause.length)) for pause in pauses],
        recovered=stage.recovered,
        moves=len(sightings),
        beaten=beaten(sightings, int(case.timing.advertisement_interval * 1e9))
        if case.timing.shares_a_priority
        else (),
        holders=len(stage.watch.holders(window.end)),
        void=f"the client itself stood still for {milliseconds(doubtful)} ms"
        if doubtful > _TOO_LONG
        else None,
    )
