"""What the start script finds out in real networks, beside what the agent does, and how it waits."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.render.namespace import Namespace, Verdict, namespace
from tests.strategies import Layer
from vipalived.agent.process import place_name
from vipalived.render import keepalived
from vipalived.render.network import preparing_script
from vipalived.settings import load

pytestmark = [pytest.mark.netns, pytest.mark.untimed]

CHOICE = """
import sys
from ipaddress import ip_address
from vipalived.interfaces import Undecided
from vipalived.net.choice import automatic
try:
    choice = automatic([ip_address(word) for word in sys.argv[1:]])
    print(f"{choice.interface} {choice.reason}")
except Undecided as error:
    print(error)
"""
SOURCES = """
import json
import sys
from vipalived.agent.plan import plan
from vipalived.net.kernel import Kernel
from vipalived.settings import load
plan = plan(load([json.loads(sys.argv[1])]).settings, "cp-1")
view = Kernel().view()
link = view.link(plan.interface)
for one in plan.members:
    source = view.source(link.index, one.family, one.vips, peers=one.peers, wanted=one.source)
    print(f"{source.address}, {source.why}" if source else None)
"""
WORLDS = {
    "subnet": (
        ["address add 198.18.0.1/24 dev eth0", "address add 198.19.0.1/24 dev eth1"],
        "198.19.0.100/24",
    ),
    "narrowest": (
        ["address add 198.18.0.1/15 dev eth0", "address add 198.18.0.2/20 dev eth1"],
        "198.18.15.9/32",
    ),
    "beyond the prefix": (["address add 198.18.0.1/20 dev eth0"], "198.18.16.9/32"),
    "default route": (
        [
            "address add 198.18.0.1/24 dev eth0",
            "address add 198.19.0.1/24 dev eth1",
            "route add default via 198.18.0.2 metric 200",
            "route add default via 198.19.0.2 metric 100",
        ],
        "172.16.101.101/32",
    ),
    "ipv6": (["-6 address add 2001:db8:0:1::1/64 dev eth1 nodad"], "2001:db8:0:1:8000::9/64"),
    "ipv6 route": (
        ["-6 address add 2001:db8::1/64 dev eth1 nodad", "-6 route add default via 2001:db8::2 dev eth1"],
        "2001:db8:7::9/128",
    ),
    "secondary": (
        ["address add 198.18.0.1/24 dev eth1", "address add 198.18.0.2/24 dev eth1"],
        "198.18.0.100/24",
    ),
    "the VIP is left behind": (
        ["address add 198.18.0.100/24 dev eth0", "address add 198.18.0.2/24 dev eth1"],
        "198.18.0.100/24",
    ),
    "point to point": (
        ["address add 198.18.0.1 peer 198.19.0.1/24 dev eth0", "address add 198.18.0.2/24 dev eth1"],
        "198.19.0.100/24",
    ),
    "no candidate": (["address add 198.18.0.1/24 dev cni0"], "198.18.0.100/24"),
    "none": ([], "198.18.0.100/24"),
    "two families, two interfaces": (
        ["address add 198.18.0.1/24 dev eth0", "-6 address add 2001:db8::1/64 dev eth1 nodad"],
        "198.18.0.100/24 2001:db8::100/64",
    ),
    "two families, one interface": (
        ["address add 198.18.0.1/24 dev eth1", "-6 address add 2001:db8::1/64 dev eth1 nodad"],
        "198.18.0.100/24 2001:db8::100/64",
    ),
}
PATH = {"PATH": os.environ["PATH"]}
SHELLS = [shell for shell in ("sh", "busybox") if shutil.which(shell)]


class Start:
    """The start script of a node in a namespace, and `then` in place of the line that starts keepalived."""

    def __init__(
        self,
        inside: Namespace,
        place: Path,
        shell: str,
        values: Layer,
        then: str = "",
        locks: Path | None = None,
    ) -> None:
        place.mkdir(exist_ok=True)
        self.file, self.log = place / "ready", place / "log"
        config = place / "keepalived.conf"
        config.write_text(keepalived.render(load([values]).settings), encoding="utf-8")
        script = preparing_script(str(config), str(self.file), str(locks or place.parent))
        words = [str(shutil.which(shell)), "-c", script + f"echo started >&2\n{then}"]
        path = PATH["PATH"]
        if shell == "busybox":
            # Its own ip, awk and sed, as Alpine has them; Debian's busybox has no flock.
            path = str(place / "bin")
            (place / "bin").mkdir(exist_ok=True)
            for applet in ("ip", "awk", "flock", "grep", "readlink", "rm", "sed", "sh", "sleep", "tr"):
                (place / "bin" / applet).unlink(missing_ok=True)
                program = "flock" if applet == "flock" else "busybox"
                (place / "bin" / applet).symlink_to(str(shutil.which(program)))
            words[0] = str(place / "bin" / "sh")
        environment = {"PATH": path, "NODE_NAME": "cp-1"}
        self.process = inside.start(*words, environment=environment, output=self.log)

    def said(self, last: str) -> list[str]:
        """What the script has said, once `last` is the beginning of its last line."""
        wait_until(lambda: self._lines()[-1].startswith(last), lambda: f"{last!r} in {self._lines()}")
        return [line.removeprefix("vipalived: ") for line in self._lines()]

    def _lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() or [""]

    def ready(self) -> str:
        """What keepalived would read."""
        self.said("started")
        assert self.process.wait(timeout=10) == 0
        return self.file.read_text(encoding="utf-8")

    def ends(self) -> None:
        """By SIGTERM, however long it has waited."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=10) == 0


def wait_until(condition: Callable[[], object], what: Callable[[], str], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what()}"
        time.sleep(0.02)


def values(vips: list[str], **instance: Any) -> Layer:
    own = {"virtualIpAddress": vips[0], "virtualIpAddresses": vips[1:]}
    return {"keepalived": {"vrrpInstance": own | instance}}


@pytest.mark.parametrize("world", WORLDS)
def test_the_script_chooses_the_interface_that_the_agent_does(world: str, tmp_path: Path) -> None:
    commands, vips = WORLDS[world]
    with namespace(tmp_path, ["eth0", "eth1", "cni0"]) as inside:
        for command in commands:
            verdict = inside.run("ip", *command.split())
            assert verdict.code == 0, verdict.said
        addresses = [vip.partition("/")[0] for vip in vips.split()]
        expected = inside.run(sys.executable, "-c", CHOICE, *addresses).said.strip()
        for shell in SHELLS:
            start = Start(inside, tmp_path / shell, shell, values(vips.split(), interface="auto"))
            if expected.startswith("eth"):
                text = start.ready()
                assert text.count("interface auto\n") == 0
                assert f"  interface {expected.split()[0]}\n" in text
                assert start.said("started") == [f"interface auto: {expected}", "started"]
            else:
                said = start.said("  hint: interface and source address are set in keepalived.vrrpInstance")
                assert said[0] == f"waiting for an interface: {expected}"
                start.ends()


FOUR, SIX = "198.18.0.100/24", "2001:db8::100/64"
PEERS = ["198.18.0.1", "198.18.0.2", "198.19.0.7", "2001:db8::1", "2001:db8::2"]
ADDRESSES = {
    "the primary one": (["198.19.0.1/24", "198.19.0.2/24"], values([FOUR], unicastPeers=PEERS[1:2])),
    "in the VIP's subnet": (["198.19.0.1/24", "198.18.0.7/24"], values([FOUR], unicastPeers=PEERS[:3])),
    "among the peers": (["198.18.0.9/24", "198.19.0.7/24"], values([FOUR], unicastPeers=PEERS[:3])),
    "a secondary one": (["198.18.0.9/24", "198.18.0.2/24"], values([FOUR], unicastPeers=PEERS[:3])),
    "as the values say": (
        ["198.18.0.1/24", "198.19.0.7/24"],
        values([FOUR], unicastPeers=PEERS[:3]) | {"nodes": {"cp-1": {"unicastSourceAddress": PEERS[2]}}},
    ),
    "a VIP is left behind": (
        ["198.19.0.9/24", "198.18.0.100/24", "198.18.0.101/24"],
        values([FOUR, "198.18.0.101/32"], unicastPeers=["198.18.0.8"]),
    ),
    "no link-local one": (["2001:db8::9/64"], values([SIX], unicastPeers=PEERS[3:])),
    "a link-local peer": (
        ["2001:db8::9/64", "fe80::7/64"],
        values([SIX], unicastPeers=["fe80::7", "fe80::8"]),
    ),
    "of each family": (
        ["198.18.0.9/24", "198.18.0.2/24", "2001:db8::9/64", "2001:db8:0:0::1/64"],
        values([SIX, FOUR], unicastPeers=PEERS),
    ),
    "one given, one found": (
        ["198.18.0.9/24", "2001:db8::1/64", "2001:db8::2/64"],
        values([FOUR, SIX], unicastPeers=PEERS)
        | {"nodes": {"cp-1": {"unicastSourceAddress": "2001:DB8:0::1"}}},
    ),
}


@pytest.mark.parametrize("world", ADDRESSES)
def test_the_script_speaks_from_the_address_that_the_agent_does(world: str, tmp_path: Path) -> None:
    addresses, layer = ADDRESSES[world]
    with namespace(tmp_path, ["eth0"]) as inside:
        for address in addresses:
            flags = ["nodad"] if ":" in address else []
            assert inside.run("ip", "address", "add", address, "dev", "eth0", *flags).code == 0
        expected = inside.run(sys.executable, "-c", SOURCES, json.dumps(layer)).said.split("\n")[:-1]
        for shell in SHELLS:
            start = Start(inside, tmp_path / shell, shell, layer)
            text = start.ready()
            assert sorted(start.said("started")) == sorted(
                [f"speaks from {source}" for source in expected] + ["started"]
            )
            for source in expected:
                address = source.partition(",")[0]
                assert f"  unicast_src_ip {address}\n" in text
                assert f"    {address}\n" not in text.partition("virtual_ipaddress")[0]
            verdict = inside.judge(text, "cp-1")
            assert verdict.code == 0, verdict.said


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_waits_for_what_comes_late_and_says_so_once(shell: str, tmp_path: Path) -> None:
    layer = values([FOUR], interface="late0", unicastPeers=PEERS[:2])
    layer["nodes"] = {"cp-1": {"unicastSourceAddress": "198.18.0.2"}}
    with namespace(tmp_path, ["eth0"]) as inside:
        start = Start(inside, tmp_path / shell, shell, layer)
        start.said("  hint: ")
        assert inside.run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "late1").code == 0
        said = "waiting for 198.18.0.2 (`unicastSourceAddress`) on late0"
        wait_until(lambda: said in start.said("  hint: "), lambda: said)
        assert inside.run("ip", "address", "add", "198.18.0.2/24", "dev", "late0").code == 0
        assert "  interface late0\n" in start.ready()
        assert [line for line in start.said("started") if line[0] != " "] == [
            "waiting for the interface late0; this node has peer0, eth0",
            said,
            "speaks from 198.18.0.2, as the values say",
            "started",
        ]


@pytest.mark.parametrize("shell", SHELLS)
def test_an_interface_that_is_made_again_is_seen_by_the_liveness_command(shell: str, tmp_path: Path) -> None:
    with namespace(tmp_path, ["eth0"]) as inside:
        verdict = inside.run("mount", "-t", "sysfs", "sysfs", "/sys")
        assert verdict.code == 0, verdict.said
        probe = str(tmp_path / shell / "same-interface")
        for _ in range(2):
            Start(inside, tmp_path / shell, shell, values([FOUR])).ready()
            assert inside.run("sh", probe) == Verdict(0, "")
            assert inside.run("ip", "link", "delete", "eth0").code == 0
            assert inside.run("sh", probe).code != 0
            assert inside.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "there").code == 0
            assert inside.run("sh", probe).code != 0


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("there", "own"),
    [
        ("198.18.0.100/24", True),
        ("198.18.0.100/24 valid_lft 1000 preferred_lft 1000; 198.18.0.1/24", True),
        ("2001:db8::100/64 valid_lft 1000 preferred_lft 1000; 2001:db8::1/64", True),
        # What a keepalived has left behind: 0.2.3 in the node's subnet or another one, and ours.
        ("198.18.0.1/24; 198.18.0.100/24", False),
        ("198.19.0.1/24; 198.18.0.100/24", False),
        ("198.18.0.100/32", False),
        ("2001:db8::100/64; 2001:db8::1/64", False),
        ("2001:db8::100/128", False),
    ],
)
def test_an_address_of_the_nodes_own_is_no_vip(shell: str, there: str, own: bool, tmp_path: Path) -> None:
    """keepalived would remove it as it starts, and take the node off the network."""
    with namespace(tmp_path, ["eth0"]) as inside:
        for address in there.split("; "):
            flags = ["nodad"] if ":" in address else []
            words = [
                "ip",
                "address",
                "add",
                *address.split()[:1],
                "dev",
                "eth0",
                *address.split()[1:],
                *flags,
            ]
            assert inside.run(*words).code == 0
        start = Start(inside, tmp_path / shell, shell, values([SIX if ":" in there else FOUR]))
        if own:
            vip = "2001:db8::100" if ":" in there else "198.18.0.100"
            assert (
                start.said("  hint: ")[0]
                == f"waiting for another VIP: {vip} is this node's own address on eth0"
            )
            start.ends()
        else:
            start.ready()


@pytest.mark.parametrize("shell", SHELLS)
def test_no_symbolic_link_stands_for_a_directory_on_the_path_of_the_check(shell: str, tmp_path: Path) -> None:
    """keepalived from 2.3 on refuses the script, and ends."""
    layer = values([FOUR]) | {"healthCheck": {"enabled": True}}
    with namespace(tmp_path, ["eth0"]) as inside:
        ready = Start(inside, tmp_path / shell, shell, layer).ready()
    [program] = re.findall(r'(?m)^  script "(\S+) -c \'wget ', ready)
    assert program == f"{Path('/bin').resolve()}/sh"
    assert Path(program).exists()


def test_a_tracked_interface_is_waited_for(tmp_path: Path) -> None:
    layer = values([FOUR], trackInterface=["eth1", "enp9s0"])
    with namespace(tmp_path, ["eth0", "eth1"]) as inside:
        start = Start(inside, tmp_path / "sh", "sh", layer)
        assert start.said("  hint: ")[0] == (
            "waiting for the interface enp9s0; this node has peer0, eth0, peer1, eth1"
        )
        for words in ("link add eth2 type veth peer name eth3", "link property add dev eth2 altname enp9s0"):
            assert inside.run("ip", *words.split()).code == 0
        assert "  track_interface {\n    eth1\n    eth2\n  }\n" in start.ready()


def test_another_name_of_the_interface_is_the_interface(tmp_path: Path) -> None:
    with namespace(tmp_path, ["eth0", "eth1"]) as inside:
        for name in ("enp1s0", "a-name-longer-than-fifteen"):
            assert inside.run("ip", "link", "property", "add", "dev", "eth1", "altname", name).code == 0
        start = Start(inside, tmp_path / "sh", "sh", values([FOUR], interface="enp1s0"))
        assert "  interface eth1\n" in start.ready()
        assert start.said("started") == ["enp1s0 is another name of eth1", "started"]


def test_a_file_that_cannot_be_written_ends_the_script(tmp_path: Path) -> None:
    with namespace(tmp_path, ["eth0"]) as inside:
        (tmp_path / "sh").mkdir()
        (tmp_path / "sh" / "ready").mkdir()
        start = Start(inside, tmp_path / "sh", "sh", values([FOUR]))
        assert start.process.wait(timeout=10) == 1
        assert "ready: Is a directory" in start.said("")[0]


OTHER = "waiting for the other pod on this node that runs virtual router 51 on eth0 to end"
ACT = """
exec keepalived -n -l -D -P -f $conf -i cp-1 -p ${conf%/*}/main.pid -r ${conf%/*}/vrrp.pid
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_two_of_a_virtual_router_on_a_node_never_take_the_vip_from_each_other(
    shell: str, tmp_path: Path
) -> None:
    layer = values([FOUR], advertInt=0.1)
    with namespace(tmp_path, ["eth0"]) as inside:

        def held() -> bool:
            return f" {FOUR} " in inside.run("ip", "-o", "address", "show", "dev", "eth0").said

        # keepalived asks for a carrier and an address.
        for words in ("link set peer0 up", "address add 198.18.0.1/24 dev eth0"):
            assert inside.run("ip", *words.split()).code == 0
        pod = Start(inside, tmp_path / "pod", "sh", layer, ACT)
        wait_until(held, lambda: "the VIP")
        seen = tmp_path / "seen"
        watch = inside.start("ip", "-o", "monitor", "address", environment=PATH, output=seen)
        heir = Start(inside, tmp_path / "heir", shell, layer)
        heir.said("  hint: a static pod and a DaemonSet, say;")
        neighbour = Start(
            inside, tmp_path / "neighbour", "sh", values(["198.18.0.99/24"], virtualRouterId=52)
        )
        neighbour.ready()
        assert seen.read_text() == ""
        pod.ends()
        heir.ready()
        assert not held()
        watch.terminate()
        watch.wait(timeout=10)
    assert heir.said("started")[0] == OTHER
    assert "Deleted" in seen.read_text()


def test_a_pod_waits_for_the_agent_that_runs_its_virtual_router(tmp_path: Path) -> None:
    program = f"""
import signal, socket
place = socket.socket(socket.AF_UNIX)
place.bind({place_name("eth0", 51, 4)!r})
signal.pause()
"""
    with namespace(tmp_path, ["eth0"]) as inside:
        agent = inside.start(sys.executable, "-c", program, environment=PATH, output=tmp_path / "agent")
        wait_until(lambda: "@vipalived" in inside.run("cat", "/proc/net/unix").said, lambda: "the agent")
        pod = Start(inside, tmp_path / "pod", "sh", values([FOUR]))
        assert pod.said("  hint: ")[0] == OTHER
        agent.terminate()
        agent.wait(timeout=10)
        pod.ready()


def test_where_nothing_can_be_locked_the_pod_says_so_and_goes_on(tmp_path: Path) -> None:
    with namespace(tmp_path, ["eth0"]) as inside:
        pod = Start(inside, tmp_path / "pod", "sh", values([FOUR]), locks=tmp_path / "nowhere")
        pod.ready()
        said, started = pod.said("started")
    assert said.startswith(f"{tmp_path}/nowhere/eth0-51-")
    assert said.endswith(
        "cannot be locked, so a second pod of this virtual router on this node is not noticed"
    )
    assert started == "started"
