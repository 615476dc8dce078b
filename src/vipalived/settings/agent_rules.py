"""The rules of the health check and of the agent."""

from __future__ import annotations

import json
from functools import partial

from vipalived.settings.model import Settings
from vipalived.settings.rule import Facts, Rule, error, warning, when

SECONDS = (0.05, 60.0)
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - warned of
_FILES = {
    "caFile": "ca_file",
    "clientCertFile": "client_cert_file",
    "clientKeyFile": "client_key_file",
    "tokenFile": "token_file",
}


_UNREACHABLE = """or (eq (int $agent.endpoint.port) 0) (eq $agent.endpoint.address "::1")\
 (hasPrefix "127." $agent.endpoint.address)"""


def _unreachable(facts: Facts) -> bool:
    """Whether Prometheus, which asks at the node's address, gets no answer."""
    endpoint = facts.agent.endpoint
    return not endpoint.port or endpoint.address == "::1" or endpoint.address.startswith("127.")


def _json(value: object) -> str:
    """As Go writes it."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _idle(group: str, facts: Facts) -> list[str]:
    """What is otherwise than by default, though the engine does not read it."""
    given, usual = facts.values[group], _USUAL[group]
    return [] if facts.runs_agent else [key for key, value in given.items() if value != usual[key]]


def _idle_image(facts: Facts) -> list[str]:
    given, usual = facts.values["image"], _USUAL["image"]
    changed = [key for key in ("repository", "tag", "digest") if given[key] != usual[key]]
    return changed if facts.runs_agent else []


def _idle_context(facts: Facts) -> list[str]:
    changed = facts.settings.security_context != _USUAL["securityContext"]
    return when(facts.runs_agent and changed, "another one than the default")


_USUAL = Settings().model_dump(by_alias=True)


def _files(facts: Facts) -> list[str]:
    return [key for key, name in _FILES.items() if getattr(facts.health, name)]


def _seconds(key: str) -> Rule:
    least, most = SECONDS

    def check(facts: Facts) -> list[str]:
        value = getattr(facts.health, key)
        return when(not least <= value <= most, f"{value:g}")

    number = f"$health.{key} | toString | float64"
    return error(
        f"healthCheck.{key}",
        f"expected {least:g} to {most:g} seconds",
        "remove it to get the default",
        check,
        f"or (lt ({number}) {least}) (gt ({number}) {most})",
    )


AGENT_RULES: tuple[Rule, ...] = (
    error(
        "healthCheck.url",
        "a VIP is asked, which is another node's as often as not",
        "ask the node itself: `https://127.0.0.1:6443/readyz`",
        lambda f: when(f.url_host in {str(vip.ip) for vip in f.vips}, f.health.url),
        "$facts.asksVip",
        reads="healthCheck.url .virtualIpAddress .virtualIpAddresses",
    ),
    _seconds("interval"),
    _seconds("timeout"),
    error(
        "healthCheck.clientCertFile",
        "a client certificate needs its key",
        "set `clientKeyFile` too; both may be in one file",
        lambda f: when(f.health.client_cert_file and not f.health.client_key_file, "no clientKeyFile"),
        "and $health.clientCertFile (not $health.clientKeyFile)",
        reads="healthCheck.clientCertFile healthCheck.clientKeyFile",
    ),
    error(
        "healthCheck.clientKeyFile",
        "a key needs its client certificate",
        "set `clientCertFile` too; both may be in one file",
        lambda f: when(f.health.client_key_file and not f.health.client_cert_file, "no clientCertFile"),
        "and $health.clientKeyFile (not $health.clientCertFile)",
        reads="healthCheck.clientCertFile healthCheck.clientKeyFile",
    ),
    error(
        "healthCheck.caFile",
        "credentials are sent to no API server whose certificate is not verified",
        "set `caFile`: kubeadm has `/etc/kubernetes/pki/ca.crt`",
        lambda f: [] if f.health.ca_file else [key for key in _files(f) if key != "clientKeyFile"],
        "and (not $health.caFile) (or $health.clientCertFile $health.tokenFile)",
        reads="healthCheck.caFile healthCheck.clientCertFile healthCheck.tokenFile",
    ),
    warning(
        "healthCheck",
        "only the agent reads these files",
        "use `engine: native`, or remove them",
        lambda f: _files(f) if f.settings.runs_script else [],
        f"and $runsScript (or {' '.join(f'$health.{key}' for key in _FILES)})",
        reads="healthCheck engine",
    ),
    warning(
        "healthCheck.enabled",
        "keepalived answers a failed check by FAULT: no node has the VIP while no API server answers",
        "`engine: native` always keeps one holder",
        lambda f: when(f.settings.runs_script, "true"),
        "$runsScript",
        reads="healthCheck.enabled engine",
    ),
    error(
        "securityContext",
        "without SETGID keepalived takes every `vrrp_script` for a success",
        "drop less, or add `SETGID` to `securityContext.capabilities`",
        lambda f: when(f.settings.runs_script and "SETGID" in f.rights.dropped, "SETGID is dropped"),
        'and $runsScript (has "SETGID" $rights.dropped)',
        reads="securityContext healthCheck.enabled engine",
    ),
    warning(
        "healthCheck",
        "keepalived asks nobody unless it is told to, and these values do nothing",
        "set `healthCheck.enabled: true`, use `engine: native`, or remove them",
        lambda f: (
            [] if f.settings.runs_script else [key for key in _idle("healthCheck", f) if key != "enabled"]
        ),
        "and (not $runsAgent) (not $runsScript)"
        ' (ne (omit $health "enabled" | toJson) (omit $defaults.healthCheck "enabled" | toJson))',
        reads="healthCheck engine",
    ),
    warning(
        "agent.endpoint",
        "the metrics are open to the whole network",
        "use `127.0.0.1` or the address of one interface, or let a firewall decide who may ask",
        lambda f: when(
            f.runs_agent and f.agent.endpoint.port and f.agent.endpoint.address in WILDCARDS,
            f.agent.endpoint.address,
        ),
        "and $runsAgent (ne (int $agent.endpoint.port) 0)"
        ' (has $agent.endpoint.address (list "0.0.0.0" "::"))',
        reads="agent engine",
    ),
    error(
        "podMonitor.enabled",
        "there are no metrics without the agent",
        "use `engine: native`, or remove it",
        lambda f: when(f.settings.pod_monitor.enabled and not f.runs_agent, "true"),
        "and $newer.podMonitor.enabled (not $runsAgent)",
        reads="podMonitor.enabled engine",
    ),
    error(
        "podMonitor.enabled",
        "Prometheus cannot reach `agent.endpoint`",
        "use `agent.endpoint.address: 0.0.0.0`, and let a firewall decide who may ask",
        lambda f: when(
            f.settings.pod_monitor.enabled and f.runs_agent and _unreachable(f),
            f"{f.agent.endpoint.address}, port {f.agent.endpoint.port}",
        ),
        f"and $newer.podMonitor.enabled $runsAgent ({_UNREACHABLE})",
        reads="podMonitor.enabled agent engine",
    ),
    error(
        "prometheusRule.enabled",
        "the alerts are on the agent's metrics, and there are none without the agent",
        "use `engine: native`, or remove it",
        lambda f: when(f.settings.prometheus_rule.enabled and not f.runs_agent, "true"),
        "and $newer.prometheusRule.enabled (not $runsAgent)",
        reads="prometheusRule.enabled engine",
    ),
    warning(
        "grafanaDashboard.enabled",
        "the dashboard shows the agent's metrics, and there are none without the agent",
        "use `engine: native`, or remove it",
        lambda f: when(f.settings.grafana_dashboard.enabled and not f.runs_agent, "true"),
        "and $newer.grafanaDashboard.enabled (not $runsAgent)",
        reads="grafanaDashboard.enabled engine",
    ),
    *(
        warning(
            group,
            "only `engine: native` reads these values",
            "use `engine: native`, or remove them",
            partial(_idle, group),
            f"and (not $runsAgent) (ne ($newer.{group} | toJson) ($defaults.{group} | toJson))",
            reads=f"{group} engine",
        )
        for group in ("native", "agent")
    ),
    warning(
        "image",
        "`engine: native` runs from `agent.image`, and this does nothing",
        "set `agent.image`, and remove this",
        _idle_image,
        f'and $runsAgent (or (ne $values.image.repository "{_USUAL["image"]["repository"]}") $values.image.tag'
        " $values.image.digest)",
        reads="image engine",
    ),
    warning(
        "securityContext",
        "`engine: native` has `agent.securityContext`, and this does nothing",
        "set `agent.securityContext`, and remove this",
        _idle_context,
        f"and $runsAgent (ne ($values.securityContext | toJson) `{_json(_USUAL['securityContext'])}`)",
        reads="securityContext engine",
    ),
    warning(
        ".priority",
        "with the agent the priorities 1 to 3 say how unhealthy a node is",
        "use 4 or more; `100` is the default",
        lambda f: [str(priority) for priority in f.priorities if f.runs_agent and priority <= 3],
        'and $runsAgent (or (has "1" $facts.priorities) (has "2" $facts.priorities) (has "3" $facts.priorities))',
        reads=".priority nodes engine",
    ),
)
