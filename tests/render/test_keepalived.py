"""keepalived.conf as a real keepalived reads it, and nothing in it that was not meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.render.namespace import Namespace, namespace
from tests.settings.test_contract import EXAMPLES
from tests.settings.test_rules import CASES
from tests.strategies import INTERFACES, Layer, valid_layers
from vipalived.render import keepalived
from vipalived.settings import Settings, load
from vipalived.settings.values import parse_yaml

quick = settings(
    max_examples=150,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=list(HealthCheck),
)
long = settings(quick, max_examples=5000)
layers = valid_layers(st.sampled_from(INTERFACES))


def rendered(text: str) -> str:
    return keepalived.render(load([yaml.safe_load(text)]).settings)


def test_the_defaults() -> None:
    assert (
        keepalived.render(load().settings)
        == """\
global_defs {
  router_id vipalived
  vrrp_version 3
  vrrp_garp_master_delay 5
  vrrp_garp_master_refresh 10
  vrrp_garp_master_repeat 5
  vrrp_garp_master_refresh_repeat 1
  vrrp_higher_prio_send_advert true
  vrrp_garp_lower_prio_delay 1
  vrrp_garp_lower_prio_repeat 3
  vrrp_lower_prio_no_advert true
  reload_check_config
}

vrrp_instance VI_CONTROL_PLANE {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority 100
  advert_int 1
  nopreempt
  virtual_ipaddress {
    172.16.101.101/32
  }
}
"""
    )


def test_what_nodes_differ_in_stands_on_conditional_lines() -> None:
    text = rendered(
        """\
keepalived:
  vrrpInstance:
    unicastPeers: [198.18.0.1, 198.18.0.2, '2001:db8::1', '2001:db8::2']
    virtualIpAddress: 198.18.0.9/24
    virtualIpAddresses: ['2001:db8::9/64', 'fe80::9/64']
    trackInterface: [eth2, bond0]
    unicastSourceAddress: 198.18.0.7
    advertInt: 0.05
nodes:
  b: {priority: 255, state: MASTER, interface: eth2}
  a: {unicastSourceAddress: '2001:DB8::1'}
"""
    )
    assert text.startswith(
        """\
$STATE=BACKUP
@b $STATE=MASTER
$INTERFACE=eth0
@b $INTERFACE=eth2
$PRIORITY=100
@b $PRIORITY=255
$NOPREEMPT=nopreempt
@b $NOPREEMPT=
$SOURCE4=unicast_src_ip 198.18.0.7
@a $SOURCE4=
$SOURCE6=
@a $SOURCE6=unicast_src_ip 2001:DB8::1

global_defs {
"""
    )
    assert text.endswith(
        """\
  vrrp_check_unicast_src
  reload_check_config
}

vrrp_sync_group VI_CONTROL_PLANE_GROUP {
  group {
    VI_CONTROL_PLANE
    VI_CONTROL_PLANE_V6
  }
}

vrrp_instance VI_CONTROL_PLANE {
  state $STATE
  interface $INTERFACE
  virtual_router_id 51
  priority $PRIORITY
  advert_int 0.05
  $NOPREEMPT
  track_interface {
    bond0
  }
  $SOURCE4
  old_unicast_checksum never
  unicast_peer {
    198.18.0.1
    198.18.0.2
  }
  virtual_ipaddress {
    198.18.0.9/24
  }
}

vrrp_instance VI_CONTROL_PLANE_V6 {
  state $STATE
  interface $INTERFACE
  virtual_router_id 51
  priority $PRIORITY
  advert_int 0.05
  $NOPREEMPT
  track_interface {
    bond0
  }
  $SOURCE6
  unicast_peer {
    @^a 2001:db8::1
    2001:db8::2
  }
  virtual_ipaddress {
    fe80::200:5eff:fe00:233/64
    2001:db8::9/64
    fe80::9/64
  }
}
"""
    )


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    """A namespace with the interfaces that the values name."""
    with namespace(
        tmp_path_factory.mktemp("namespace"), [*INTERFACES, "eth1", "eth2", "eth5", "eth6"]
    ) as inside:
        yield inside


def check_accepted(inside: Namespace, chosen: Settings) -> None:
    configuration = keepalived.render(chosen)
    for node in (*chosen.nodes, "not.a.node"):
        verdict = inside.judge(configuration, node)
        assert (verdict.code, verdict.said) == (0, ""), f"on {node}:\n{configuration}"


@pytest.mark.netns
@quick
@given(layer=layers)
def test_keepalived_accepts_what_we_render_without_a_word(inside: Namespace, layer: Layer) -> None:
    check_accepted(inside, load([layer]).settings)


@pytest.mark.netns
@pytest.mark.soak
@long
@given(layer=layers)
def test_keepalived_accepts_all_that_we_render(inside: Namespace, layer: Layer) -> None:
    check_accepted(inside, load([layer]).settings)


@pytest.mark.netns
@pytest.mark.parametrize("name", EXAMPLES)
def test_keepalived_accepts_each_documented_example(inside: Namespace, name: str) -> None:
    check_accepted(inside, load([parse_yaml(EXAMPLES[name][0], name)]).settings)


# Where the values earn a warning, what we render must have the offence mended.
@pytest.mark.netns
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.severity == "warning"])
def test_keepalived_accepts_what_we_only_warn_of(inside: Namespace, name: str) -> None:
    check_accepted(inside, load([yaml.safe_load(CASES[name].broken)]).settings)


@pytest.mark.netns
@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("  nopreempt\n", "  nopreemptt\n", "Unknown keyword 'nopreemptt'"),
        ("state BACKUP", "state MASTER", "nopreempt will not work with initial state MASTER"),
        ("priority 100", "priority 300", "outside range [1, 255]"),
        ("interface eth0", "interface nothere", "WARNING - interface nothere"),
    ],
)
def test_keepalived_does_not_accept_just_anything(inside: Namespace, good: str, bad: str, said: str) -> None:
    configuration = keepalived.render(load().settings)
    assert good in configuration
    verdict = inside.judge(configuration.replace(good, bad), "cp-1")
    assert verdict.code != 0
    assert said in verdict.said


WORD = r"[A-Za-z0-9_.:/-]+"
NODE = r"[a-z0-9.-]+"
# Every line that may be in a configuration, worked out from keepalived.conf(5) and not from the renderer.
LINES = re.compile(
    "|".join(
        [
            "",
            r"\}",
            r"global_defs \{",
            rf"vrrp_(?:sync_group|instance) {WORD} \{{",
            r"(?:group|authentication|track_interface|unicast_peer|virtual_ipaddress) \{",
            rf"(?:@{NODE} )?\$(?:STATE|INTERFACE|PRIORITY)={WORD}",
            rf"(?:@{NODE} )?\$(?:NOPREEMPT=(?:nopreempt)?|SOURCE[46]=(?:unicast_src_ip {WORD})?)",
            r"\$(?:NOPREEMPT|SOURCE4|SOURCE6)",
            rf"router_id {WORD}",
            r"vrrp_version [23]",
            r"vrrp_garp_(?:master_(?:delay|refresh|repeat|refresh_repeat)|lower_prio_(?:delay|repeat)) [0-9]+",
            r"vrrp_(?:higher_prio_send_advert|lower_prio_no_advert) true",
            r"vrrp_check_unicast_src|reload_check_config|nopreempt|old_unicast_checksum never",
            r"state (?:\$STATE|MASTER|BACKUP)",
            rf"interface (?:\$INTERFACE|{WORD})",
            r"virtual_router_id [0-9]+",
            r"priority (?:\$PRIORITY|[0-9]+)",
            r"advert_int [0-9]+(?:\.[0-9]{1,2})?",
            r"auth_type (?:PASS|AH)",
            r"auth_pass [A-Za-z0-9@%^&*()_+=:;,./?<>|~\[\]-]{1,8}",
            rf"unicast_src_ip {WORD}",
            rf"(?:@\^{NODE} )?{WORD}",
        ]
    )
)


@quick
@given(layer=valid_layers())
def test_every_line_is_one_that_was_meant(layer: Layer) -> None:
    chosen = load([layer]).settings
    lines = keepalived.render(chosen).split("\n")
    assert not [line for line in lines if not LINES.fullmatch(line.strip(" "))]
    options = [line.split()[0] for line in lines if line.strip()]
    routers = len({vip.version for vip in chosen.vips})
    for option in ("virtual_router_id", "priority", "advert_int", "state", "interface", "virtual_ipaddress"):
        assert options.count(option) == routers
    authenticates = (
        chosen.keepalived.vrrp_version == 2 and chosen.keepalived.vrrp_instance.authentication.auth_pass
    )
    assert options.count("auth_pass") == (routers if authenticates else 0)
    assert options.count("router_id") == options.count("vrrp_version") == 1
    assert sum(line.endswith("{") for line in lines) == options.count("}")


def test_an_empty_password_is_no_authentication() -> None:
    values = {"keepalived": {"vrrpVersion": 2, "vrrpInstance": {"authentication": {"authPass": ""}}}}
    assert "auth" not in keepalived.render(load([values]).settings)


PASSWORDS = [
    "k8s_vip",
    "@%^&*()_",
    "+=:;,./?",
    "<>|~[]-1",
    "=",
    "@a",
    "(b)",
    "~",
    "~SEQ(1)",
    "12345678",
    "include",
    "on;off",
]


@pytest.mark.netns
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_reaches_keepalived_as_it_is_written(
    inside: Namespace, tmp_path: Path, password: str
) -> None:
    values = {"keepalived": {"vrrpVersion": 2, "vrrpInstance": {"authentication": {"authPass": password}}}}
    file = tmp_path / "keepalived.conf"
    file.write_text(keepalived.render(load([values]).settings), encoding="utf-8")
    # keepalived writes what it has understood on SIGUSR1, into the directory of TMPDIR.
    script = f"""
export TMPDIR={tmp_path}
keepalived --dont-fork --log-console --vrrp --use-file={file} --config-id=cp-1 --pid={tmp_path}/pid \
  --vrrp_pid={tmp_path}/vrrp_pid >{tmp_path}/log 2>&1 &
for _ in $(seq 100); do grep -q 'Startup complete' {tmp_path}/log && break; sleep 0.05; done
kill -USR1 $!
for _ in $(seq 100); do grep -qs 'Password = ' {tmp_path}/*.data && break; sleep 0.05; done
kill -9 $! $(cat {tmp_path}/vrrp_pid); wait $!
cat {tmp_path}/*.data
"""
    verdict = inside.run("sh", "-c", script)
    assert f"Password = {password}\n" in verdict.said, verdict.said[-1500:]
