"""The dashboard asks for metrics that there are, by labels that they have; and for all of them."""

from __future__ import annotations

import json
from typing import Any

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.agent.story import Story, eventful
from vipalived.agent.metrics import Metrics
from vipalived.render import dashboard
from vipalived.render.dashboard import PANELS, WIDTH

SCRAPED = {"job", "node"}
"""Labels that Prometheus adds: `node` by our PodMonitor."""
VARIABLES = {"$__rate_interval": "5m", "$__range": "6h", "$job": ".*"}


def metrics() -> dict[str, list[dict[str, str]]]:
    """Every metric of a node with a history, by the name of its samples, with the labels of each sample."""
    # A failover, a refused packet and the like have happened here; a node without them has no such sample.
    story: Story = eventful()
    body, _ = Metrics(story.shown).exposition("")
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def selectors(node: Any) -> list[Any]:
    """The selectors of a query: what it asks for."""
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    inner = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector")]
    inner += getattr(node, "args", None) or []
    return [selector for one in inner if one is not None for selector in selectors(one)]


def grouped(node: Any) -> set[str]:
    """The labels that a query aggregates by."""
    found = (
        set(node.modifier.labels)
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier
        else set()
    )
    inner = [getattr(node, name, None) for name in ("expr", "lhs", "rhs")]
    inner += getattr(node, "args", None) or []
    return found.union(*(grouped(one) for one in inner if one is not None))


def parsed(query: str) -> Any:
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return promql_parser.parse(query)


QUERIES = [query for panel in PANELS for query, _ in panel.queries]


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_asks_for_what_there_is(query: str) -> None:
    known = metrics()
    tree = parsed(query)
    asked = selectors(tree)
    assert asked
    for selector in asked:
        assert selector.name in known, f"there is no metric {selector.name}"
        for matcher in selector.matchers.matchers:
            if matcher.name not in SCRAPED:
                values = {labels.get(matcher.name) for labels in known[selector.name]}
                assert matcher.value in values, f"{selector.name} has no {matcher.name}={matcher.value}"
        # Whatever is aggregated by must be there.
        assert grouped(tree) <= known[selector.name][0].keys() | SCRAPED


@pytest.mark.parametrize(
    ("query", "legend"), [(query, legend) for panel in PANELS for query, legend in panel.queries]
)
def test_each_legend_names_labels_that_there_are(query: str, legend: str) -> None:
    named = {part.partition("}}")[0] for part in legend.split("{{")[1:]}
    [*_, selector] = selectors(parsed(query))
    assert named <= metrics()[selector.name][0].keys() | SCRAPED


def test_every_metric_is_shown() -> None:
    shown = {selector.name for query in QUERIES for selector in selectors(parsed(query))}
    # Prometheus' own library adds when a counter began.
    assert {name for name in metrics() if not name.endswith("_created")} == shown


def test_the_panels_fill_the_grid_and_ask_the_chosen_source() -> None:
    made = json.loads(dashboard.text())
    cells = set()
    for panel in made["panels"]:
        where = panel["gridPos"]
        assert where["x"] + where["w"] <= WIDTH
        taken = {
            (where["x"] + column, where["y"] + row)
            for column in range(where["w"])
            for row in range(where["h"])
        }
        assert not taken & cells
        cells |= taken
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"]) == len(PANELS)
    # No gap: Grafana would move what is below.
    assert len(cells) == WIDTH * (1 + max(row for _, row in cells))
    assert [variable["name"] for variable in made["templating"]["list"]] == ["datasource", "job"]


def test_nothing_in_it_is_helms_to_expand() -> None:
    # `.Files.Get` hands it on as it is; `{{node}}` is Grafana's.
    assert "{{node}}" in dashboard.text()
    assert "{{ " not in dashboard.text()
