"""keepalived.conf as a real keepalived reads it, and nothing in it that was not meant."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import EXAMPLES
from tests.helm import CHART
from tests.render.namespace import Namespace, namespace
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
    advertInt: 0.05
nodes:
  b: {priority: 255, state: MASTER, interface: eth2, unicastSourceAddress: ['2001:db8::2', 198.18.0.2]}
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
$PREEMPT=nopreempt
@b $PREEMPT=
$SOURCE4=
@b $SOURCE4=unicast_src_ip 198.18.0.2
$SOURCE6=
@a $SOURCE6=unicast_src_ip 2001:DB8::1
@b $SOURCE6=unicast_src_ip 2001:db8::2

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
  $PREEMPT
  track_interface {
    bond0
  }
  $SOURCE4
  old_unicast_checksum never
  unicast_peer {
    198.18.0.1
    @^b 198.18.0.2
  }
  virtual_ipaddress {
    198.18.0.9/24 noprefixroute
  }
}

vrrp_instance VI_CONTROL_PLANE_V6 {
  state $STATE
  interface $INTERFACE
  virtual_router_id 51
  priority $PRIORITY
  advert_int 0.05
  $PREEMPT
  track_interface {
    bond0
  }
  $SOURCE6
  unicast_peer {
    @^a 2001:db8::1
    @^b 2001:db8::2
  }
  virtual_ipaddress {
    fe80::200:5eff:fe00:233/64 noprefixroute
    2001:db8::9/64 noprefixroute
    fe80::9/64 noprefixroute
  }
}
"""
    )


def test_a_start_delay_is_keepaliveds_own() -> None:
    text = rendered("{keepalived: {vrrpInstance: {startDelay: 30}}}")
    assert "  vrrp_startup_delay 30\n" in text.partition("}")[0]
    assert "startup" not in rendered("{}")


def test_a_better_node_waits_before_it_preempts_as_keepalived_has_it() -> None:
    assert "  preempt_delay 30\n" in rendered(
        "{keepalived: {vrrpInstance: {nopreempt: false, preemptDelay: 30}}}"
    )
    assert "preempt_delay" not in rendered("{keepalived: {vrrpInstance: {preemptDelay: 30}}}")
    text = rendered(
        "{keepalived: {vrrpInstance: {nopreempt: false, preemptDelay: 30}},"
        " nodes: {a: {state: MASTER}, b: {priority: 9}}}"
    )
    assert "$PREEMPT=preempt_delay 30\n@a $PREEMPT=\n" in text
    assert "  $PREEMPT\n" in text


def test_plain_keepalived_asks_the_api_server_where_the_values_say_so() -> None:
    text = rendered(
        """\
keepalived: {vrrpInstance: {virtualIpAddresses: ['2001:db8::9/64']}}
healthCheck: {enabled: true, url: 'https://[::1]:6443/readyz?verbose&exclude=etcd', interval: 1.01, timeout: 0.2,
  fall: 4, rise: 5}
"""
    )
    assert (
        """\
  script_user root
  enable_script_security
  reload_check_config
}

vrrp_script api_server {
  script "/bin/sh -c 'wget -qS -O /dev/null --no-check-certificate \\"https://[::1]:6443/readyz?verbose&exclude=etcd\\" 2>&1 | grep -Eq \\"HTTP/1.[01] (200|401) \\"'"
  interval 2
  timeout 1
  fall 4
  rise 5
}

vrrp_sync_group VI_CONTROL_PLANE_GROUP {
"""  # noqa: E501
        in text
    )
    assert text.count("  track_script {\n    api_server\n  }\n") == 2


@pytest.mark.parametrize(
    "values",
    [
        "{healthCheck: {enabled: false}}",
        "{healthCheck: {enabled: auto}}",
        "{healthCheck: {enabled: true}, engine: native}",
    ],
)
def test_nothing_is_asked_otherwise(values: str) -> None:
    assert rendered(values) == keepalived.render(load().settings)


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
@pytest.mark.untimed
@quick
@given(layer=layers)
def test_keepalived_accepts_what_we_render_without_a_word(inside: Namespace, layer: Layer) -> None:
    check_accepted(inside, load([layer]).settings)


@pytest.mark.netns
@pytest.mark.untimed
@pytest.mark.soak
@long
@given(layer=layers)
def test_keepalived_accepts_all_that_we_render(inside: Namespace, layer: Layer) -> None:
    check_accepted(inside, load([layer]).settings)


@pytest.mark.netns
@pytest.mark.untimed
@pytest.mark.parametrize("name", EXAMPLES)
def test_keepalived_accepts_each_documented_example(inside: Namespace, name: str) -> None:
    check_accepted(inside, load([parse_yaml(EXAMPLES[name], name)]).settings)


@pytest.mark.netns
@pytest.mark.untimed
@pytest.mark.parametrize("name", ["dual-stack", "hardened", "priorities", "unicast"])
def test_keepalived_accepts_each_example_that_is_shipped(inside: Namespace, name: str) -> None:
    text = (CHART / "examples" / f"{name}.yaml").read_text(encoding="utf-8")
    check_accepted(inside, load([parse_yaml(text, name)]).settings)


# Where the values earn a warning, what we render must have the offence mended.
@pytest.mark.netns
@pytest.mark.untimed
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.severity == "warning"])
def test_keepalived_accepts_what_we_only_warn_of(inside: Namespace, name: str) -> None:
    check_accepted(inside, load([yaml.safe_load(CASES[name].broken)]).settings)


@pytest.mark.netns
@pytest.mark.untimed
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
            rf"(?:@{NODE} )?\$(?:PREEMPT=(?:nopreempt|preempt_delay [0-9]+)?|SOURCE[46]=(?:unicast_src_ip {WORD})?)",
            r"\$(?:PREEMPT|SOURCE4|SOURCE6)",
            rf"router_id {WORD}",
            r"vrrp_version [23]",
            r"vrrp_garp_(?:master_(?:delay|refresh|repeat|refresh_repeat)|lower_prio_(?:delay|repeat)) [0-9]+",
            r"vrrp_startup_delay [0-9]+(?:\.[0-9]{1,2})?",
            r"vrrp_(?:higher_prio_send_advert|lower_prio_no_advert) true",
            r"vrrp_check_unicast_src|reload_check_config|nopreempt|preempt_delay [0-9]+|old_unicast_checksum never",
            r"script_user root|enable_script_security|vrrp_script api_server \{|track_script \{",
            (
                r"script \"/bin/sh -c 'wget -qS -O /dev/null --no-check-certificate "
                r"\\\"https://[A-Za-z0-9/_.?=&%:\[\]-]+\\\" 2>&1"
                r" \| grep -Eq \\\"HTTP/1\.\[01\] \(200\|401\) \\\"'\""
            ),
            r"(?:interval|timeout|fall|rise) [1-9][0-9]?|(?:fall|rise) 100",
            r"state (?:\$STATE|MASTER|BACKUP)",
            rf"interface (?:\$INTERFACE|{WORD})",
            r"virtual_router_id [0-9]+",
            r"priority (?:\$PRIORITY|[0-9]+)",
            r"advert_int [0-9]+(?:\.[0-9]{1,2})?",
            r"auth_type (?:PASS|AH)",
            r"auth_pass [A-Za-z0-9@%^&*()_+=:;,./?<>|~\[\]-]{1,8}",
            rf"unicast_src_ip {WORD}",
            rf"(?:@\^{NODE} )?{WORD}",
            rf"{WORD} noprefixroute",
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


def understood(inside: Namespace, tmp_path: Path, chosen: Settings, line: str) -> str:
    """What a running keepalived has understood of a configuration, from when it has said `line`."""
    file = tmp_path / "keepalived.conf"
    file.write_text(keepalived.render(chosen), encoding="utf-8")
    # keepalived writes it on SIGUSR1, into the directory of TMPDIR.
    script = f"""
export TMPDIR={tmp_path}
rm -f {tmp_path}/*.data {tmp_path}/log {tmp_path}/pid {tmp_path}/vrrp_pid
keepalived --dont-fork --log-console --vrrp --use-file={file} --config-id=cp-1 --pid={tmp_path}/pid \
  --vrrp_pid={tmp_path}/vrrp_pid >{tmp_path}/log 2>&1 &
for _ in $(seq 400); do grep -qs 'Startup complete' {tmp_path}/log && break; sleep 0.05; done
kill -USR1 $!
for _ in $(seq 400); do grep -qs '{line}' {tmp_path}/*.data && break; sleep 0.05; done
kill -9 $! $(cat {tmp_path}/vrrp_pid); wait $!
cat {tmp_path}/*.data
"""
    return inside.run("sh", "-c", script).said


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
@pytest.mark.untimed
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_reaches_keepalived_as_it_is_written(
    inside: Namespace, tmp_path: Path, password: str
) -> None:
    values = {"keepalived": {"vrrpVersion": 2, "vrrpInstance": {"authentication": {"authPass": password}}}}
    said = understood(inside, tmp_path, load([values]).settings, "Password = ")
    assert f"Password = {password}\n" in said, said[-1500:]


WGETS = [name for name in ("wget", "busybox") if shutil.which(name)]


@pytest.fixture(params=WGETS)
def wget(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory with a wget, to come first on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "wget").symlink_to(str(shutil.which(request.param)))
    return tmp_path / "bin"


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        if self.path == "/401":
            self.send_header("WWW-Authenticate", 'Bearer realm="kubernetes"')
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited signature
        """Says nothing."""


@pytest.fixture
def api_server() -> Iterator[str]:
    """A stand-in for an API server, with a certificate that nobody knows."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("kubernetes").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.netns
@pytest.mark.untimed
def test_keepalived_tells_an_answer_from_none(
    inside: Namespace, tmp_path: Path, api_server: str, wget: Path
) -> None:
    def succeeds(url: str) -> bool:
        chosen = load([{"healthCheck": {"enabled": True, "url": url}}]).settings
        said = understood(inside, tmp_path, chosen, "Command = ")
        [command] = re.findall(r"(?m)^ +Command = (.*)$", said)
        shell, option, script = re.fullmatch(r"'(\S*/sh)' '(-c)' '(.*)'", command).groups()  # type: ignore[union-attr]
        environment = {**os.environ, "PATH": f"{wget}:{os.environ['PATH']}"}
        done = subprocess.run([shell, option, script], env=environment, capture_output=True, check=False)
        # keepalived logs nothing of a script, so it must not fill the container's log either.
        assert (done.stdout, done.stderr) == (b"", b"")
        return done.returncode == 0

    answers = {status: succeeds(f"{api_server}/{status}") for status in (200, 401, 403, 500, 503)}
    assert answers == {200: True, 401: True, 403: False, 500: False, 503: False}
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert not succeeds(f"https://127.0.0.1:{port}/200")
