"""Alerting rules for the agent's metrics, as the Prometheus Operator and Prometheus itself take them.

Kept as code for the same reason as the dashboard: the tests ask whether there is what they look at. `job` is what one
installation's agents share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import yaml

FILE_NAME = "vipalived.yaml"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: what must be true, for how long, how bad it is, and what an operator reads."""

    name: str
    expression: str
    lasting: str
    severity: Literal["critical", "warning"]
    summary: str
    description: str


ALERTS = (
    Alert(
        "VipalivedNoMaster",
        "sum by (job) (vipalived_is_master) == 0",
        "30s",
        "critical",
        "No node holds the VIP of {{ $labels.job }}",
        "Clients of the control plane get no answer. `vipalived status` on any node says why it is not Master.",
    ),
    Alert(
        "VipalivedTwoMasters",
        "sum by (job) (vipalived_is_master) > 1",
        "30s",
        "critical",
        "{{ $value }} nodes hold the VIP of {{ $labels.job }}",
        "The nodes do not hear each other: a partition, or a firewall that drops IP protocol 112. `vipalived doctor`"
        " on both of them says which.",
    ),
    Alert(
        "VipalivedSecondHolder",
        "increase(vipalived_second_holder_episodes_total[10m]) > 0",
        "0s",
        "critical",
        "Somebody else answers for the VIP that {{ $labels.node }} holds",
        "`vipalived status` on that node has the MAC address: an old pod, a node outside this cluster, or another"
        " cluster with this VIP.",
    ),
    Alert(
        "VipalivedAgentsMissing",
        "absent(vipalived_build_info)",
        "5m",
        "critical",
        "No agent of vipalived is scraped",
        "Either no pod runs, or Prometheus does not reach `agent.endpoint`.",
    ),
    Alert(
        "VipalivedApiServerNotHealthy",
        'vipalived_health{standing=~"unready|dead"} == 1',
        "2m",
        "warning",
        "The API server of {{ $labels.node }} is {{ $labels.standing }}",
        "The VIP stays away from this node while another one is healthy. `vipalived status` there has the last error.",
    ),
    Alert(
        "VipalivedMovesOften",
        'sum by (job) (increase(vipalived_transitions_total{to="MASTER"}[15m])) > 4',
        "0s",
        "warning",
        "The VIP of {{ $labels.job }} came to a node {{ $value | humanize }} times in 15 minutes",
        "`vipalived status -o wide` on the nodes has the reasons: an API server that flaps, a link, a CPU limit.",
    ),
    Alert(
        "VipalivedReleased",
        "vipalived_released == 1",
        "1h",
        "warning",
        "{{ $labels.node }} has been released for an hour",
        "It takes no VIP until `vipalived rejoin`.",
    ),
    Alert(
        "VipalivedSettingsRefused",
        "vipalived_config_error == 1",
        "5m",
        "warning",
        "{{ $labels.node }} refuses its changed settings",
        "It goes on with the last good ones. `vipalived status` there names the value.",
    ),
    Alert(
        "VipalivedTrouble",
        "vipalived_trouble == 1",
        "10m",
        "warning",
        "{{ $labels.node }}: {{ $labels.kind }}",
        "`vipalived status` there says what it is about.",
    ),
    Alert(
        "VipalivedEngineRestarted",
        "increase(vipalived_engine_restarts_total[1h]) > 0",
        "0s",
        "warning",
        "The engine of {{ $labels.node }} was started again after a bug",
        "Its log has a traceback: please report it.",
    ),
    Alert(
        "VipalivedTimersLate",
        "increase(vipalived_late_timers_total[10m]) > 10",
        "0s",
        "warning",
        "{{ $labels.node }} is too busy for its advertisement interval",
        "A larger CPU limit, or none; a longer `advertInt`.",
    ),
)


def spec() -> dict[str, Any]:
    """The rules as plain values: a file of Prometheus' own, and what a PrometheusRule has as its `spec`."""
    return {"groups": [{"name": "vipalived", "rules": [_rule(alert) for alert in ALERTS]}]}


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.lasting,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.description},
    }


def text() -> str:
    """The same as YAML."""
    return yaml.safe_dump(spec(), sort_keys=False, width=120)
