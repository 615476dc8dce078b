"""A Grafana dashboard of the agent's metrics.

Kept as code, so that its queries can be tested against the metrics that there are (`vipalived.agent.metrics`).
`$datasource` and `$job` are chosen on the page; `node` is the label that our PodMonitor adds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

FILE_NAME = "vipalived.json"
WIDTH = 24
"""Columns of Grafana's grid."""

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_RANGE = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its title, Grafana's kind, its size on the grid, and queries with the legend of each."""

    title: str
    kind: str
    width: int
    height: int
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    steps: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    """Colours from a value on; None is the beginning of all values."""
    text_mode: str = "auto"
    """What a panel of the kind `stat` writes: its values, or the names of what has them."""


def _of(metric: str, labels: str = "") -> str:
    return f'vipalived_{metric}{{job=~"$job"{labels}}}'


def _increase(metric: str, over: str = _RANGE) -> str:
    return f"increase({_of(metric)}[{over}])"


def _rate(metric: str) -> str:
    return f"rate({_of(metric)}[{_RANGE}])"


_ONE_IS_RIGHT = ((None, "red"), (1, "green"), (2, "red"))
_NONE_IS_RIGHT = ((None, "green"), (1, "orange"))
_MASTER = _of("is_master")
_HEALTHY = _of("health", ', standing="healthy"')
_SLOWEST = f"histogram_quantile(1, sum by (le) ({_increase('failover_seconds_bucket', '$__range')}))"
_TOTAL = f"sum({_increase('failover_seconds_sum', '$__range')})"
_COUNT = f"sum({_increase('failover_seconds_count', '$__range')})"

PANELS = (
    Panel("Masters", "stat", 4, 4, ((f"sum({_MASTER})", ""),), steps=_ONE_IS_RIGHT),
    Panel("API servers not healthy", "stat", 4, 4, ((f"sum(1 - {_HEALTHY})", ""),), steps=_NONE_IS_RIGHT),
    Panel("Nodes released", "stat", 4, 4, ((f"sum({_of('released')})", ""),), steps=_NONE_IS_RIGHT),
    Panel("Settings refused", "stat", 4, 4, ((f"sum({_of('config_error')})", ""),), steps=_NONE_IS_RIGHT),
    Panel(
        "Time to take over",
        "stat",
        8,
        4,
        ((f"{_TOTAL} / {_COUNT}", "mean"), (_SLOWEST, "slowest, at most")),
        unit="s",
    ),
    Panel("Who has the VIP", "state-timeline", 24, 7, ((f"{_of('vip_held')} == 1", "{{node}} {{vip}}"),)),
    Panel("States", "state-timeline", 12, 8, ((f"{_of('state')} == 1", "{{node}} {{state}}"),)),
    Panel("API servers", "state-timeline", 12, 8, ((f"{_of('health')} == 1", "{{node}} {{standing}}"),)),
    Panel(
        "Priorities",
        "timeseries",
        12,
        8,
        ((_of("effective_priority"), "{{node}}"), (_of("priority"), "{{node}} as configured")),
    ),
    Panel(
        "Changes of the state",
        "timeseries",
        12,
        8,
        ((f"{_increase('transitions_total')} > 0", "{{node}} {{from}} -> {{to}} ({{reason}})"),),
    ),
    Panel(
        "Advertisements",
        "timeseries",
        12,
        8,
        ((_rate("adverts_sent_total"), "{{node}} sent"), (_rate("adverts_received_total"), "{{node}} heard")),
        unit="pps",
    ),
    Panel(
        "Refused packets",
        "timeseries",
        12,
        8,
        (
            (f"{_rate('adverts_discarded_total')} > 0", "{{node}} {{reason}}"),
            (f"{_rate('adverts_strange_total')} > 0", "{{node}} other addresses"),
        ),
        unit="pps",
    ),
    Panel(
        "A second holder",
        "timeseries",
        12,
        8,
        (
            (_increase("second_holder_seconds_total"), "{{node}}, seconds"),
            (_increase("second_holder_episodes_total"), "{{node}}, times"),
            (_increase("foreign_claims_total"), "{{node}}, claims"),
        ),
    ),
    Panel(
        "Late timers, engines started again, settings changed",
        "timeseries",
        12,
        8,
        (
            (_increase("late_timers_total"), "{{node}} late timers"),
            (_increase("engine_restarts_total"), "{{node}} restarts"),
            (f"changes({_of('config_generation')}[{_RANGE}])", "{{node}} settings"),
        ),
    ),
    Panel("Trouble", "state-timeline", 24, 5, ((f"{_of('trouble')} == 1", "{{node}} {{kind}}"),)),
    Panel("Versions", "stat", 24, 4, ((_of("build_info"), "{{node}} {{version}}"),), text_mode="name"),
)


def text() -> str:
    """The dashboard as Grafana imports it: JSON."""
    dashboard = {
        "uid": "vipalived",
        "title": "vipalived",
        "description": "Who holds the virtual IP of the control plane, and how it moves",
        "tags": ["vipalived", "vrrp"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), _job()]},
        "panels": _placed(PANELS),
    }
    return json.dumps(dashboard, indent=1) + "\n"


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}


def _job() -> dict[str, Any]:
    query = "label_values(vipalived_build_info, job)"
    return {
        "name": "job",
        "type": "query",
        "label": "Job",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "job"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """The panels from left to right and from top to bottom; each row is as high as its panels."""
    placed: list[dict[str, Any]] = []
    column = row = 0
    for number, panel in enumerate(panels, 1):
        where = {"x": column, "y": row, "w": panel.width, "h": panel.height}
        placed.append({"id": number, "gridPos": where, **_panel(panel)})
        column += panel.width
        if column == WIDTH:
            column, row = 0, row + panel.height
    return placed


def _panel(panel: Panel) -> dict[str, Any]:
    steps = [{"value": value, "color": colour} for value, colour in panel.steps]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    options: dict[str, Any] = {"textMode": panel.text_mode} if panel.kind == "stat" else {}
    if panel.kind == "state-timeline":
        defaults["mappings"] = [{"type": "value", "options": {"1": {"text": "yes", "color": "green"}}}]
        options = {"showValue": "never", "legend": {"showLegend": False}}
    return {
        "title": panel.title,
        "type": panel.kind,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }
