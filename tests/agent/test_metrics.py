"""What Prometheus makes of the metrics: read back with the parsers that it comes with."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.agent.story import MAC, VIP, Story, eventful
from vipalived.agent.metrics import Metrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(story: Story, accept: str = "") -> Samples:
    body, kind = Metrics(story.shown).exposition(accept)
    openmetrics = kind.startswith("application/openmetrics-text")
    assert openmetrics == bool(accept)
    parse = parse_openmetrics if openmetrics else parse_text
    found: Samples = {}
    for family in parse(body.decode()):
        assert family.name.startswith("vipalived_")
        assert family.documentation.endswith(".")
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[f"vipalived_{name}", frozenset(labels.items())]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"])
def test_a_node_with_a_history(accept: str) -> None:
    story = eventful()
    story.ledger.priority(100, 1)
    found = samples(story, accept)
    assert value(found, "build_info", version="0.3.0") == 1
    assert value(found, "vip_held", vip="198.18.0.100/24") == 1
    assert (value(found, "priority"), value(found, "effective_priority")) == (100, 1)
    assert (value(found, "released"), value(found, "config_error")) == (0, 1)
    assert value(found, "config_generation") == 1
    change = {"from": "BACKUP", "to": "MASTER", "reason": "master-down-expired"}
    assert value(found, "transitions_total", **change) == 1
    assert (value(found, "adverts_sent_total"), value(found, "adverts_received_total")) == (1, 1)
    assert value(found, "adverts_discarded_total", reason="ttl") == 1
    assert value(found, "adverts_discarded_total", reason="checksum") == 0
    assert value(found, "late_timers_total") == 1
    assert value(found, "second_holder_episodes_total") == 1
    assert value(found, "second_holder_seconds_total") == 3
    assert (value(found, "foreign_claims_total"), value(found, "is_master")) == (2, 1)
    assert value(found, "engine_restarts_total") == 0


@pytest.mark.parametrize(
    ("name", "label", "values", "current"),
    [
        (
            "state",
            "state",
            ("INITIALIZE", "WAITING", "BACKUP", "ADOPTING", "CLAIMING", "MASTER", "RESIGNING"),
            "MASTER",
        ),
        ("health", "standing", ("healthy", "unproven", "unready", "dead"), "dead"),
    ],
)
def test_one_of_all_values_is_1(name: str, label: str, values: tuple[str, ...], current: str) -> None:
    found = samples(eventful())
    assert {one: value(found, name, **{label: one}) for one in values} == {
        one: float(one == current) for one in values
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"])
def test_failovers_are_a_histogram(accept: str) -> None:
    story = Story()
    for seconds in (0.0625, 3.625, 40.0):
        story.ledger.state("BACKUP", "better-claim-heard")
        story.heard()
        story.wait(seconds)
        story.ledger.state("MASTER", "master-down-expired")
    found = samples(story, accept)
    bounds = ("0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "+Inf")
    counts = [value(found, "failover_seconds_bucket", le=bound) for bound in bounds]
    assert counts == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3]
    assert value(found, "failover_seconds_count") == 3
    assert value(found, "failover_seconds_sum") == 43.6875


def test_a_counter_never_goes_back() -> None:
    story = eventful()
    during = value(samples(story), "second_holder_seconds_total")
    story.wait(11)
    assert value(samples(story), "second_holder_seconds_total") == during
    for _ in range(2):
        story.ledger.second_holder(VIP, MAC)
        story.wait(1)
    assert value(samples(story), "second_holder_seconds_total") == during + 1


def test_a_released_node_says_so() -> None:
    story = Story()
    story.ledger.released(2000.0)
    assert value(samples(story), "released") == 1


def test_what_others_send_is_quoted() -> None:
    story = Story()
    story.ledger.discarded('odd "reason"\n\\', "198.18.0.8")
    assert value(samples(story), "adverts_discarded_total", reason='odd "reason"\n\\') == 1
