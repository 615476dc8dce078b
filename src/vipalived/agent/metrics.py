"""A snapshot as Prometheus metrics, in the text format or as OpenMetrics.

Importing it costs some 35 ms and 5 MiB, for prometheus-client brings its own web server along: who serves metrics does
it at the start, who serves none never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from vipalived.agent.snapshot import BUCKETS, STANDINGS, STATES, Snapshot
from vipalived.vrrp.packet import Discard

_PREFIX = "vipalived_"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What a scrape gets. The registry is our own: the global one would add what nobody asked for."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(snapshot))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type; OpenMetrics for who accepts it."""
        if "application/openmetrics-text" in accept:
            body: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return body, openmetrics.CONTENT_TYPE_LATEST
        return exposition.generate_latest(self._registry), _TEXT


class _Collector(Collector):
    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Metric]:
        """Nothing: else the registry would collect once to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families, from one snapshot."""
        now = self._snapshot()
        yield from _standing_now(now)
        yield from _counted(now)
        yield _failovers(now)


def _standing_now(now: Snapshot) -> Iterator[Metric]:
    build = {"version": now.version}
    yield InfoMetricFamily(f"{_PREFIX}build", "What runs here.", build)
    yield _one_hot("state", "State of the virtual router.", "state", STATES, now.state)
    yield _gauge(
        "is_master", "Whether the node is Master, or has just resigned and keeps the VIP.", now.holds
    )
    held = GaugeMetricFamily(
        f"{_PREFIX}vip_held", "Whether the address is on this node's interface.", labels=["vip"]
    )
    for vip in now.vips:
        held.add_metric([vip.address], vip.held)
    yield held
    yield _gauge("priority", "Configured priority.", now.priority)
    yield _gauge("effective_priority", "Priority that the node takes part with.", now.effective_priority)
    yield _one_hot("health", "Standing of the local API server.", "standing", STANDINGS, now.health.standing)
    yield _gauge("released", "Whether the operator keeps the node out.", now.released)
    refused = now.refused_configuration is not None
    yield _gauge("config_error", "Whether changed settings were refused.", refused)
    yield _gauge(
        "config_generation",
        "Settings followed since the start, the first ones included.",
        now.configuration_generation,
    )
    yield _troubles(now)


def _troubles(now: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        f"{_PREFIX}trouble", "Whether the operator should look after this now.", labels=["kind"]
    )
    family.add_metric(["claim-held-back"], now.held_back is not None)
    family.add_metric(["interface-elsewhere"], now.interface_elsewhere is not None)
    return family


def _counted(now: Snapshot) -> Iterator[Metric]:
    labels = ["from", "to", "reason"]
    transitions = CounterMetricFamily(f"{_PREFIX}transitions", "Changes of the state.", labels=labels)
    for change in now.transitions:
        transitions.add_metric([change.from_state, change.to_state, change.reason], change.count)
    yield transitions
    yield _counter("adverts_sent", "Advertisements sent.", now.adverts_sent)
    yield _counter(
        "adverts_received", "Advertisements of others that passed every check.", now.adverts_received
    )
    yield _counter(
        "adverts_strange", "Advertisements of others that list other addresses.", now.adverts_strange
    )
    yield _discarded(now)
    yield _counter("late_timers", "Timers that came more than 50 ms late.", now.late_timers)
    yield _counter(
        "second_holder_episodes", "Times that another host held a VIP, too.", now.second_holder_episodes
    )
    yield _counter("second_holder_seconds", "How long that was in all.", now.second_holder_seconds)
    yield _counter(
        "foreign_claims", "Claims of others to a VIP, heard while this node was Master.", now.foreign_claims
    )
    yield _counter("engine_restarts", "Engines that were started afresh after a bug.", now.restarts)


def _discarded(now: Snapshot) -> Metric:
    """With the reasons that have not happened: a rate must see the first one."""
    family = CounterMetricFamily(
        f"{_PREFIX}adverts_discarded", "Packets that were refused.", labels=["reason"]
    )
    counts = dict.fromkeys(map(str, Discard), 0) | {one.reason: one.count for one in now.discards}
    for reason, count in counts.items():
        family.add_metric([reason], count)
    return family


def _failovers(now: Snapshot) -> Metric:
    bounds = [*map(str, BUCKETS), "+Inf"]
    return HistogramMetricFamily(
        f"{_PREFIX}failover_seconds",
        "From the last sign of another Master until this node was it.",
        buckets=list(zip(bounds, accumulate(now.failovers.buckets), strict=True)),
        sum_value=now.failovers.total,
    )


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}{name}", help_, value)


def _counter(name: str, help_: str, value: float) -> Metric:
    return CounterMetricFamily(f"{_PREFIX}{name}", help_, value)


def _one_hot(name: str, help_: str, label: str, values: Iterable[str], current: str) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}{name}", help_, labels=[label])
    for value in values:
        family.add_metric([value], value == current)
    return family
