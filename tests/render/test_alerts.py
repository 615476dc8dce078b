"""The alerts ask for metrics that there are; Prometheus itself takes them, the dashboard's queries and the metrics."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.agent.serving import serving
from tests.agent.story import Story, eventful
from tests.conftest import ROOT, lacking
from tests.render.test_dashboard import QUERIES, SCRAPED, VARIABLES, grouped, metrics, parsed, selectors
from vipalived.agent.endpoint import Endpoint
from vipalived.agent.metrics import Metrics
from vipalived.render import alerts
from vipalived.render.alerts import ALERTS, Alert

PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
DEADLINE = 30.0
"""Seconds for Prometheus to start and scrape on a busy machine."""


def rows(first: str) -> list[list[str]]:
    """The rows of the table whose first column is called so; backticks taken off."""
    table = PAGE[PAGE.index(f"| {first} |") :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in table]


def exposition(story: Story) -> str:
    return Metrics(story.shown).exposition("")[0].decode()


# the page


def test_the_page_has_every_metric_with_its_type_and_labels_and_no_other() -> None:
    families = {}
    for family in text_string_to_metric_families(exposition(eventful())):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        families[name] = (family.type, labels)
    listed = {name: (kind, {*labels.split(", ")} - {""}) for name, kind, labels, _ in rows("metric")}
    assert listed == families


@pytest.mark.parametrize(("name", "label"), [("state", "state"), ("health", "standing"), ("trouble", "kind")])
def test_the_page_has_every_value_of_a_label(name: str, label: str) -> None:
    [says] = [meaning for metric, *_, meaning in rows("metric") if metric == f"vipalived_{name}"]
    values = {labels[label] for labels in metrics()[f"vipalived_{name}"]}
    assert values <= set(re.findall(r"[\w-]+", says))


def test_the_page_has_every_alert_with_its_severity() -> None:
    assert [(name, severity) for name, severity, _ in rows("alert")] == [
        (alert.name, alert.severity) for alert in ALERTS
    ]


# the rules


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_each_alert_asks_for_what_there_is(alert: Alert) -> None:
    known, tree = metrics(), parsed(alert.expression)
    asked = selectors(tree)
    assert asked
    for selector in asked:
        labels = known[selector.name]
        for matcher in selector.matchers.matchers:
            values = matcher.value.split("|")
            assert set(values) <= {sample[matcher.name] for sample in labels}
    shown = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    there = grouped(tree) or {label for selector in asked for label in known[selector.name][0]} | SCRAPED
    assert shown <= there


FIRES: dict[str, list[tuple[str, str]]] = {
    "VipalivedNoMaster": [('vipalived_is_master{job="a", node="1"}', "0x20")],
    "VipalivedTwoMasters": [
        ('vipalived_is_master{job="a", node="1"}', "1x20"),
        ('vipalived_is_master{job="a", node="2"}', "1x20"),
    ],
    "VipalivedSecondHolder": [('vipalived_second_holder_episodes_total{job="a", node="1"}', "0x5 1x15")],
    "VipalivedAgentsMissing": [("something_else", "1x20")],
    "VipalivedApiServerNotHealthy": [('vipalived_health{job="a", node="1", standing="dead"}', "1x20")],
    "VipalivedMovesOften": [('vipalived_transitions_total{job="a", node="1", to="MASTER"}', "0+1x20")],
    "VipalivedReleased": [('vipalived_released{job="a", node="1"}', "1x80")],
    "VipalivedSettingsRefused": [('vipalived_config_error{job="a", node="1"}', "1x20")],
    "VipalivedTrouble": [('vipalived_trouble{job="a", node="1", kind="claim-held-back"}', "1x20")],
    "VipalivedEngineRestarted": [('vipalived_engine_restarts_total{job="a", node="1"}', "0 0 1x18")],
    "VipalivedTimersLate": [('vipalived_late_timers_total{job="a", node="1"}', "0+5x20")],
}
"""What makes each of them fire, a sample a minute."""

CALM = [
    ('vipalived_build_info{job="a", node="1"}', "1x80"),
    ('vipalived_is_master{job="a", node="1"}', "1x30 0x50"),
    ('vipalived_is_master{job="a", node="2"}', "0x30 1x50"),
    ('vipalived_health{job="a", node="1", standing="healthy"}', "1x80"),
    ('vipalived_health{job="a", node="1", standing="dead"}', "0x80"),
    ('vipalived_transitions_total{job="a", node="2", to="MASTER"}', "0x30 1x50"),
    ('vipalived_second_holder_episodes_total{job="a", node="1"}', "1x80"),
    ('vipalived_engine_restarts_total{job="a", node="1"}', "0x80"),
    ('vipalived_late_timers_total{job="a", node="1"}', "0+0x40 1x40"),
    ('vipalived_released{job="a", node="1"}', "0x20 1x30 0x30"),
    ('vipalived_config_error{job="a", node="1"}', "0x80"),
    ('vipalived_trouble{job="a", node="1", kind="claim-held-back"}', "0x80"),
]
"""A planned move, a short release, a late timer: nothing to be woken for."""


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        lacking(f"{name} is not installed")
    return found


def promtool(*words: str, given: str = "") -> None:
    done = subprocess.run(
        [program("promtool"), *words], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_prometheus_takes_the_rules_of_the_chart() -> None:
    promtool("check", "rules", str(ROOT / "charts" / "vipalived" / "alerts" / alerts.FILE_NAME))


def test_prometheus_finds_nothing_wrong_with_the_metrics() -> None:
    promtool("check", "metrics", given=exposition(eventful()))


def test_each_alert_fires_when_it_should_and_none_does_in_calm_times(tmp_path: Path) -> None:
    (tmp_path / alerts.FILE_NAME).write_text(alerts.text(), encoding="utf-8")

    def case(series: list[tuple[str, str]], minutes: int, wanted: dict[str, int]) -> dict[str, Any]:
        return {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                    "eval_time": f"{minutes}m",
                    "exp_samples": [{"labels": "{}", "value": count}] if count else [],
                }
                for name, count in wanted.items()
            ],
        }

    tests = [case(CALM, minute, {alert.name: 0 for alert in ALERTS}) for minute in (10, 31, 35, 55, 79)]
    for name, series in FIRES.items():
        tests.append(case(series, 75 if name == "VipalivedReleased" else 12, {name: 1}))
    assert FIRES.keys() == {alert.name for alert in ALERTS}
    file = tmp_path / "tests.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [alerts.FILE_NAME], "evaluation_interval": "15s", "tests": tests})
    )
    promtool("test", "rules", str(file))


# a real Prometheus


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Prometheus:
    """One on the loopback that scrapes an agent's endpoint four times a second."""

    def __init__(self, place: Path, agent: int) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        target = {"targets": [f"127.0.0.1:{agent}"], "labels": {"node": "cp-1"}}
        jobs = [{"job_name": "vipalived", "scrape_interval": "250ms", "static_configs": [target]}]
        configuration = place / "prometheus.yml"
        configuration.write_text(yaml.safe_dump({"scrape_configs": jobs}), encoding="utf-8")
        words = [f"--config.file={configuration}", f"--storage.tsdb.path={place / 'data'}"]
        words += [f"--web.listen-address={self._address}", "--log.level=warn"]
        self.process = subprocess.Popen([program("prometheus"), *words])

    def ask(self, query: str) -> list[dict[str, Any]]:
        url = f"http://{self._address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)
        assert found["status"] == "success"
        result: list[dict[str, Any]] = found["data"]["result"]
        return result

    def has_scraped(self, times: int) -> bool:
        try:
            [found] = self.ask("count_over_time(vipalived_build_info[1m])") or [{"value": (0, "0")}]
        except OSError:
            return False
        return int(found["value"][1]) >= times


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    story, port = eventful(), free_port()
    with serving(Endpoint("127.0.0.1", port, story.shown, lambda *_: None).serve):
        made = Prometheus(tmp_path_factory.mktemp("prometheus"), port)
        try:
            end = time.monotonic() + DEADLINE
            while not made.has_scraped(4):
                assert time.monotonic() < end, "Prometheus has scraped nothing"
                assert made.process.poll() is None
                time.sleep(0.1)
            yield made
        finally:
            made.process.terminate()
            made.process.wait(20)


def test_every_query_of_the_dashboard_is_answered(prometheus: Prometheus) -> None:
    for query in QUERIES:
        asked = query
        for name, value in VARIABLES.items():
            asked = asked.replace(name, value)
        # Nothing has happened since the first scrape, and nothing is troubled.
        assert prometheus.ask(asked) or " > 0" in asked or "vipalived_trouble" in asked, asked


def test_the_alerts_fire_on_what_has_happened_to_a_node(prometheus: Prometheus) -> None:
    """Its API server is dead and its settings were refused; the rest is well."""
    found = {alert.name for alert in ALERTS if prometheus.ask(alert.expression)}
    assert found == {"VipalivedApiServerNotHealthy", "VipalivedSettingsRefused"}
