"""How the engines are started, and the baseline's configuration to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipalived.cli import lab as options
from vipalived.errors import MissingRequirement
from vipalived.lab.engines import ENGINES, Mixed, engine
from vipalived.lab.plan import BASE_LAYER
from vipalived.lab.scenarios import SCENARIOS
from vipalived.render import keepalived
from vipalived.settings import Settings, load
from vipalived.settings.values import Layer, parse_yaml

CONTRACT = load([BASE_LAYER]).settings

LETTER = """\
global_defs {
  router_id vipalived
  vrrp_version 3
  vrrp_garp_master_delay 5
  vrrp_garp_master_refresh 10
  vrrp_garp_master_repeat 5
  vrrp_garp_master_refresh_repeat 1
}
vrrp_instance VI_CONTROL_PLANE {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority 100
  advert_int 1
  nopreempt
  authentication {
    auth_type PASS
    auth_pass k8s_vip
  }
  virtual_ipaddress {
    198.18.0.100/24
  }
}
"""


def test_the_baseline_is_the_configuration_of_0_2_3(tmp_path: Path) -> None:
    engine("keepalived-0.2.3").prepare("node-1", CONTRACT, tmp_path)
    assert (tmp_path / "keepalived.conf").read_text() == LETTER


def test_the_engine_runs_what_we_render(tmp_path: Path) -> None:
    engine("keepalived").prepare("node-1", CONTRACT, tmp_path)
    assert (tmp_path / "keepalived.conf").read_text() == keepalived.render(CONTRACT)


def test_keepalived_starts_as_in_the_pod_with_files_of_its_own(tmp_path: Path) -> None:
    command = engine("keepalived", "/opt/keepalived").prepare("cp-1", CONTRACT, tmp_path)
    words = list(command.argv)
    daemon = words[words.index("--") + 1 :]
    assert daemon == [
        *("/opt/keepalived", "-n", "-l", "-P", "-f", f"{tmp_path}/ready.conf", "-i", "cp-1"),
        *("-p", f"{tmp_path}/main.pid", "-r", f"{tmp_path}/vrrp.pid", "-c", f"{tmp_path}/checkers.pid"),
    ]
    assert command.env == {"TMPDIR": str(tmp_path), "NODE_NAME": "cp-1"}
    assert list(command.before)[:2] == ["sh", "-c"]
    bounding = next(word for word in words if word.startswith("--bounding-set=-all,"))
    assert {"+net_admin", "+net_raw", "+net_broadcast"} <= set(bounding.split("=")[1].split(","))
    assert "+sys_admin" not in bounding


def test_only_the_baseline_may_miss() -> None:
    assert {name: engine(name).baseline for name in ENGINES} == {
        "native": False,
        "keepalived": False,
        "keepalived-check": False,
        "keepalived-0.2.3": True,
    }


def written(directory: Path) -> Settings:
    return load([parse_yaml((directory / "values.yaml").read_text(), "values.yaml")]).settings


def test_an_agent_gets_its_values_and_two_capabilities(tmp_path: Path) -> None:
    command = engine("native").prepare("cp-1", CONTRACT, tmp_path)
    words = list(command.argv)
    assert words[:3] == ["setpriv", "--bounding-set=-all,+net_admin,+net_raw", "--"]
    options = ["-f", str(tmp_path / "values.yaml"), "--node", "cp-1", "--run-dir", str(tmp_path / "run")]
    assert words[-7:] == ["agent", *options]
    check = CONTRACT.health_check.model_copy(update={"enabled": True})
    assert written(tmp_path) == CONTRACT.model_copy(update={"engine": "native", "health_check": check})


SECRETIVE: Layer = {
    "agent": {"logFormat": "json", "logLevel": "error"},
    "healthCheck": {
        "enabled": False,
        "url": "https://192.168.7.1:8443/livez",
        "interval": 0.2,
        "caFile": "/etc/kubernetes/pki/ca.crt",
        "tokenFile": "/etc/kubernetes/token",
    },
}


def test_an_agent_asks_the_labs_api_server_and_logs_what_the_lab_reads(tmp_path: Path) -> None:
    engine("native").prepare("cp-1", load([BASE_LAYER, SECRETIVE]).settings, tmp_path)
    check, agent = written(tmp_path).health_check, written(tmp_path).agent
    assert (check.enabled, check.url, check.interval) == (True, "https://127.0.0.1:6443/readyz", 0.2)
    assert (check.ca_file, check.token_file) == ("", "")
    assert (agent.log_format, agent.log_level) == ("text", "info")


def test_plain_keepalived_asks_by_a_script_where_that_is_wanted(tmp_path: Path) -> None:
    settings = load([BASE_LAYER, SECRETIVE]).settings
    engine("keepalived", "/opt/keepalived").prepare("cp-1", settings, tmp_path)
    assert "vrrp_script" not in (tmp_path / "keepalived.conf").read_text()
    engine("keepalived-check", "/opt/keepalived").prepare("cp-1", settings, tmp_path)
    text = (tmp_path / "keepalived.conf").read_text()
    assert "vrrp_script" in text
    assert "https://127.0.0.1:6443/readyz" in text


def test_release_is_for_agents(tmp_path: Path) -> None:
    words = list(engine("native").release(tmp_path) or ())
    assert words[-3:] == ["release", "--run-dir", str(tmp_path / "run")]
    assert engine("keepalived").release(tmp_path) is None
    assert engine("keepalived-check").release(tmp_path) is None


def test_two_engines_on_one_segment(tmp_path: Path) -> None:
    native, keepalived = engine("native"), engine("keepalived", "/opt/keepalived")
    mixed = Mixed("native>keepalived", "cp-1", native, keepalived)
    assert mixed.bounds == native.bounds
    assert "/opt/keepalived" not in mixed.prepare("cp-1", CONTRACT, tmp_path).argv
    assert "/opt/keepalived" in mixed.prepare("node-1", CONTRACT, tmp_path).argv
    assert not mixed.ready("vrid=51 eth0 INITIALIZE -> BACKUP (startup)")
    assert mixed.ready("INITIALIZE -> BACKUP (startup)\nthe API server: unproven -> healthy")
    assert mixed.ready("(VI_CONTROL_PLANE) Entering BACKUP STATE (init)")
    assert not mixed.ready("starting")
    assert mixed.reloaded("agent reloaded: nothing has changed")
    assert mixed.reloaded("Reload complete")
    assert not mixed.reloaded("refused to reload")


def test_ready_is_who_takes_part_in_the_election() -> None:
    chosen = engine("keepalived")
    assert not chosen.ready("(VI_CONTROL_PLANE) Entering FAULT STATE")
    assert chosen.ready("(VI_CONTROL_PLANE) Entering BACKUP STATE (init)")


def test_a_keepalived_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingRequirement, match="`/nowhere/keepalived` is not an executable program"):
        engine("keepalived", "/nowhere/keepalived").version()


def test_the_options_offer_what_the_lab_has() -> None:
    assert tuple(options.ENGINES) == tuple(ENGINES)
    assert (*options.SCENARIOS, *options.MIXED) == tuple(SCENARIOS)
    assert [name for name, scenario in SCENARIOS.items() if scenario.mixed] == list(options.MIXED)
