"""Stories of `vipalived observe` on a segment of real speakers, told by `test_observe.py`: run inside namespaces.

The hosts hang on a bridge, each in a namespace with an eth0: `one` and `two` run keepalived, `native` our engine, and
`ear` listens, without an address. The bridge itself is where tshark listens and scapy speaks.
"""

from __future__ import annotations

import itertools
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

HOSTS = {"one": 1, "two": 2, "native": 3}
START, SLACK = 8.0, 2.0
"""Seconds until a Master at 1 s is there, 3.6 s and a start; and what a busy machine may take more."""
VIPALIVED = [sys.executable, "-P", "-m", "vipalived"]


def sh(words: str) -> str:
    return subprocess.run(words.split(), capture_output=True, text=True, check=True).stdout


def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def build() -> None:
    sh("mount -t tmpfs tmpfs /run")
    Path("/run/netns").mkdir()
    sh("ip link set lo up")
    sh("ip link add lab0 type bridge mcast_snooping 0")
    sh("ip link set lab0 up")
    for host in (*HOSTS, "ear"):
        sh(f"ip netns add {host}")
        sh(f"ip link add {host} type veth peer name eth0 netns {host}")
        sh(f"ip -n {host} link set eth0 addrgenmode {'none' if host == 'ear' else 'eui64'} up")
        sh(f"ip -n {host} link set lo up")
        sh(f"ip link set {host} master lab0 up")
    for host, number in HOSTS.items():
        sh(f"ip -n {host} address add 198.18.0.{number}/24 dev eth0")
        sh(f"ip -n {host} address add 2001:db8::{number}/64 dev eth0 nodad")


@contextmanager
def running(host: str, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon on a host, ended by SIGTERM; what it says goes to /run."""
    with Path(f"/run/{host}.log").open("ab") as log:
        words = ["ip", "netns", "exec", host, *command]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(START)


@dataclass(frozen=True)
class Instance:
    """Of keepalived."""

    vrid: int
    vips: Sequence[str]
    version: int = 3
    priority: int = 100
    interval: float = 1
    more: str = ""

    def __str__(self) -> str:
        vips = " ".join(f"{vip}\n" for vip in self.vips)
        return (
            f"vrrp_instance I{self.vrid} {{\n interface eth0\n state BACKUP\n version {self.version}\n"
            f" virtual_router_id {self.vrid}\n priority {self.priority}\n advert_int {self.interval:g}\n"
            f" {self.more}\n virtual_ipaddress {{\n {vips} }}\n}}\n"
        )


def keepalived(host: str, *instances: Instance) -> list[str]:
    file = Path(f"/run/{host}.conf")
    file.write_text(f"global_defs {{\n router_id {host}\n}}\n" + "".join(map(str, instances)))
    return f"keepalived -n -l -D -P -f {file} -p /run/{host}.pid -r /run/{host}.vrrp.pid".split()


def native(**settings: str) -> list[str]:
    values = {
        "engine": "native",
        "healthCheck.enabled": "false",
        "agent.endpoint.port": "0",
        "keepalived.vrrpInstance.virtualIpAddress": "198.18.0.150/24",
    } | {key.replace("__", "."): value for key, value in settings.items()}
    return [*VIPALIVED, "agent", *(word for pair in values.items() for word in ("--set", "=".join(pair)))]


def observe(host: str, *options: str) -> list[str]:
    return ["ip", "netns", "exec", host, *VIPALIVED, "observe", "-i", "eth0", *options]


def once(host: str, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the report."""
    command = observe(host, "--once", "-o", "json", *options)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


class Live:
    """The command at work: every report it makes, as it changes."""

    def __init__(self, host: str) -> None:
        self._process = subprocess.Popen(
            observe(host, "-o", "json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.reports: list[dict[str, Any]] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: self.reports, START, "the observer to listen")

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.reports.append(json.loads(line))

    def kinds(self) -> list[str]:
        """What is wrong now."""
        return [warning["kind"] for warning in self.reports[-1]["warnings"]]

    def masters(self) -> list[str]:
        """Who is Master now."""
        return [row["address"] for row in self.reports[-1]["speakers"] if row["state"] == "MASTER"]

    def since(self, mark: int) -> set[str]:
        """Everything that was wrong since so many reports."""
        return {warning["kind"] for report in self.reports[mark:] for warning in report["warnings"]}

    def end(self) -> None:
        """By Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(SLACK) == 130
        self._reader.join()
        assert self._process.stderr is not None
        assert self._process.stderr.read() == "\ninterrupted\n"


FIELDS = (
    *("frame.time_epoch", "eth.src", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "ip.ttl", "ipv6.hlim"),
    *("vrrp.version", "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.adver_int", "vrrp.short_adver_int"),
    *("vrrp.ip_addr", "vrrp.ipv6_addr", "vrrp.auth_type", "vrrp.checksum.status"),
)


def tshark(file: Path) -> list[dict[str, str]]:
    """Every advertisement of a capture, as tshark reads it."""
    wanted = [word for name in FIELDS for word in ("-e", name)]
    command = ["tshark", "-r", str(file), "-Y", "vrrp", "-T", "fields", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]


def expected(packets: list[dict[str, str]], now: float) -> list[dict[str, Any]]:
    """The table that belongs to these packets, by way of tshark's reading of each."""
    by_speaker = defaultdict(list)
    for one in packets:
        source = one["ip.src"] or one["ipv6.src"]
        by_speaker[int(one["vrrp.virt_rtr_id"]), 4 if one["ip.src"] else 6, source].append(one)
    return [
        _row(vrid, family, source, heard, now) for (vrid, family, source), heard in sorted(by_speaker.items())
    ]


def _row(vrid: int, family: int, source: str, heard: list[dict[str, str]], now: float) -> dict[str, Any]:
    last = heard[-1]
    moments = [float(one["frame.time_epoch"]) for one in heard]
    version = int(last["vrrp.version"])
    centiseconds = last["vrrp.short_adver_int"]
    interval = float(last["vrrp.adver_int"]) if version == 2 else int(centiseconds) / 100
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert all(one["vrrp.checksum.status"] == "1" for one in heard)
    return {
        "vrid": vrid,
        "family": family,
        "version": version,
        "address": source,
        "mac": last["eth.src"],
        "this_host": False,
        "state": "MASTER",
        "priority": int(last["vrrp.prio"]),
        "interval": interval,
        "vips": (last["vrrp.ip_addr"] or last["vrrp.ipv6_addr"]).split(","),
        "authentication": {"1": "PASS", "2": "AH"}.get(last["vrrp.auth_type"], "none"),
        "destination": last["ip.dst"] or last["ipv6.dst"],
        "ttl": int(last["ip.ttl"] or last["ipv6.hlim"]),
        "adverts": len(heard),
        "age": now - moments[-1],
        "measured_interval": statistics.median(gaps),
        "jitter": max(abs(gap - interval) for gap in gaps),
        "faults": {},
    }


def everybody() -> None:
    """keepalived in every form of VRRP and the native engine in two families, beside what tshark says of them."""
    speakers = keepalived(
        "one",
        Instance(10, ["198.18.0.110"], version=2),
        Instance(11, ["198.18.0.111"], 2, 90, 1, "authentication {\n auth_type PASS\n auth_pass s3cret\n }"),
        Instance(12, ["198.18.0.112"], 2, 80, 1, "authentication {\n auth_type AH\n auth_pass s3cret\n }"),
        Instance(13, ["198.18.0.113", "198.18.0.213"], 3, 70, 0.5),
        Instance(14, ["fe80::114", "2001:db8::114"], 3, 60, 0.4),
        Instance(15, ["198.18.0.115"], 3, 50, 0.3, "use_vmac"),
    )
    engine = native(**{"keepalived__vrrpInstance__virtualIpAddresses[0]": "2001:db8::150/64"})
    capture, own = Path("/run/tshark.pcap"), Path("/run/own.pcap")
    with running("one", speakers), running("native", engine):
        live = Live("ear")
        until(lambda: len(live.masters()) == 8, START, "eight Masters")
        assert live.kinds() == []
        live.end()
        sent = sh("ip netns exec ear cat /sys/class/net/eth0/statistics/tx_packets")
        command = ["tshark", "-q", "-i", "lab0", "-f", "ip proto 112 or ip proto 51 or ip6 proto 112"]
        other = subprocess.Popen([*command, "-w", str(capture)], stderr=subprocess.DEVNULL)
        until(lambda: capture.exists() and tshark_lines(capture), 20, "tshark to record")
        code, report = once("ear", "--pcap", str(own))
        assert sh("ip netns exec ear cat /sys/class/net/eth0/statistics/tx_packets") == sent
        assert sent == "0\n"
        code_here, here = once("native", "--for", "1.5s")
        end = time.time()
        until(lambda: tshark_lines(capture)[-1] > end, 20, "tshark to have recorded it all")
        other.send_signal(signal.SIGINT)
        other.wait(20)
    assert (code, report["warnings"], report["rubbish"]) == (0, [], [])
    assert len(report["speakers"]) == 8
    assert report["listened"] >= 3.0
    packets = tshark(own)
    for found, wanted in zip(report["speakers"], expected(packets, report["time"]), strict=True):
        for measure, tolerance in (("age", 0.005), ("jitter", 0.0005), ("measured_interval", 0.0005)):
            assert abs(found.pop(measure) - wanted.pop(measure)) <= tolerance, (found, wanted)
        assert found == wanted
    first, last = (float(packets[at]["frame.time_epoch"]) for at in (0, -1))
    between = [
        one for one in tshark(capture) if first - 0.0005 <= float(one["frame.time_epoch"]) <= last + 0.0005
    ]
    assert [without_time(one) for one in between] == [without_time(one) for one in packets]
    assert code_here == 0
    assert {row["vrid"] for row in here["speakers"] if row["this_host"]} == {51}
    assert {row["address"] for row in here["speakers"] if not row["this_host"]} >= {"198.18.0.1"}


def without_time(packet: dict[str, str]) -> list[str]:
    return list(packet.values())[1:]


def tshark_lines(file: Path) -> list[float]:
    """When the packets of a capture came that may still be written."""
    command = ["tshark", "-r", str(file), "-T", "fields", "-e", "frame.time_epoch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [float(line) for line in done.stdout.split()]


def takeovers() -> None:
    """Ordinary takeovers are no two Masters; a partition is, from within two intervals until it has healed."""
    better = Instance(51, ["198.18.0.100"], priority=200, interval=0.1)
    worse = Instance(51, ["198.18.0.100"], priority=100, interval=0.1)
    live = Live("ear")
    with running("two", keepalived("two", worse)):
        until(lambda: live.masters() == ["198.18.0.2"], START, "two to be Master")
        with running("one", keepalived("one", better)):
            until(lambda: live.masters()[:1] == ["198.18.0.1"], START, "one to displace two")
            until(lambda: live.masters() == ["198.18.0.1"], SLACK, "two to be silent")
            assert live.since(0) == set()
            isolate()
            until(lambda: live.kinds() == ["two-masters"], 0.36 + 0.2 + SLACK, "two Masters")
            assert len(live.masters()) == 2
            isolate("off")
            until(lambda: live.kinds() == [], 0.1 + 0.36 + SLACK, "one Master")
            assert live.masters() == ["198.18.0.1"]
            mark = len(live.reports)
        until(lambda: live.masters() == ["198.18.0.2"], SLACK, "two to succeed one")
        states = {row["address"]: row["state"] for row in live.reports[-1]["speakers"]}
        assert states == {"198.18.0.1": "RESIGNED", "198.18.0.2": "MASTER"}
        assert live.since(mark) == set()
    until(lambda: live.kinds() == ["no-master"], 0.3 + SLACK, "no Master at all")
    live.end()


def collision() -> None:
    """Two clusters with one VRID and VIPs of their own. keepalived is silent while it hears what it refuses, so that
    most of the time one of the two cannot be heard: here they do not hear each other."""
    live = Live("ear")
    isolate()
    with (
        running("one", keepalived("one", Instance(51, ["198.18.0.100"], interval=0.2))),
        running("two", keepalived("two", Instance(51, ["198.18.0.200"], interval=0.2))),
    ):
        until(lambda: live.kinds() == ["vrid-collision"], START, "the collision")
        [warning] = live.reports[-1]["warnings"]
        assert warning["addresses"] == ["198.18.0.1", "198.18.0.2"], warning
        code, report = once("ear")
        assert code == 1
        assert [warning["kind"] for warning in report["warnings"]] == ["vrid-collision"]
    live.end()


def isolate(word: str = "on") -> None:
    """The bridge hands nothing from the one to the other."""
    for host in ("one", "two"):
        sh(f"bridge link set dev {host} isolated {word}")


def wrong_packets() -> None:
    """What scapy makes: both right checksums of VRRPv3, a wrong one, a wrong TTL, CARP, and a VLAN's own segment."""
    from scapy.compat import raw
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.layers.vrrp import VRRP, VRRPv3
    from scapy.packet import Raw
    from scapy.utils import checksum

    def v4(last: int, ttl: int = 255) -> Any:
        return IP(src=f"198.18.0.{last}", dst="224.0.0.18", ttl=ttl, proto=112)

    def advert(vrid: int, **more: Any) -> Any:
        return VRRPv3(vrid=vrid, priority=9, ipcount=1, adv=100, addrlist=[f"198.18.1.{vrid}"], **more)

    ether = Ether(src="02:00:00:00:00:09", dst="01:00:5e:00:00:12")
    # Without an IP header around it scapy takes the addresses for text.
    by_rfc_9568 = checksum(raw(v4(22) / advert(2, chksum=0))[20:])
    frames = [
        ether / v4(21) / advert(1),
        ether / v4(22) / advert(2, chksum=by_rfc_9568),
        ether / v4(23) / advert(3, chksum=0x1234),
        ether / v4(24, ttl=254) / advert(4),
        ether / Dot1Q(vlan=7) / v4(25) / advert(5),
        ether / v4(26) / Raw(bytes.fromhex("2101000700010000") + bytes(28)),
        ether / v4(27) / VRRP(vrid=7, priority=9, ipcount=1, adv=1, addrlist=["198.18.1.7"], chksum=7),
        ether
        / IPv6(src="fe80::8", dst="ff02::12", hlim=64, nh=112)
        / VRRPv3(vrid=8, priority=9, ipcount=1, adv=100, addrlist=["fe80::108"]),
    ]
    report = heard_while(frames)
    rows = {row["vrid"]: row["faults"] for row in report["speakers"]}
    assert rows == {1: {}, 2: {}, 3: {"checksum": 1}, 4: {"ttl": 1}, 7: {"checksum": 1}, 8: {"ttl": 1}}
    assert [(one["address"], one["reason"], one["count"]) for one in report["rubbish"]] == [
        ("198.18.0.26", "length", 1)
    ]
    warnings = [(one["kind"], one["vrid"]) for one in report["warnings"]]
    assert warnings == [*(("faulty-packets", vrid) for vrid in (3, 4, 7, 8)), ("rubbish", None)]


def heard_while(frames: Sequence[Any]) -> dict[str, Any]:
    """The report when the last of these frames has been heard; one more, of VRID 99, ends them."""
    import socket

    from scapy.layers.inet import IP
    from scapy.layers.l2 import Ether
    from scapy.layers.vrrp import VRRPv3

    last = Ether(src="02:00:00:00:00:09", dst="01:00:5e:00:00:12")
    last /= IP(src="198.18.0.99", dst="224.0.0.18", ttl=255, proto=112)
    last /= VRRPv3(vrid=99, priority=9, ipcount=1, adv=100, addrlist=["198.18.1.99"])
    live = Live("ear")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind(("lab0", 0))
        for frame in (*frames, last):
            sender.send(bytes(frame))
    until(lambda: any(row["vrid"] == 99 for row in live.reports[-1]["speakers"]), SLACK, "the last frame")
    report = live.reports[-1]
    live.end()
    report["speakers"] = [row for row in report["speakers"] if row["vrid"] != 99]
    return report


def permission() -> None:
    """NET_RAW is needed, and enough, also where nothing can be written; the interface must be there, and stay."""

    def ends(*words: str, bounds: str = "-all") -> subprocess.CompletedProcess[str]:
        command = ["setpriv", f"--bounding-set={bounds}", "--", *VIPALIVED, "observe", *words]
        return subprocess.run(
            ["ip", "netns", "exec", "ear", *command], capture_output=True, text=True, check=False
        )

    refused = ends("-i", "eth0")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert refused.stderr == (
        "error: the kernel refuses raw sockets (NET_RAW)\n"
        "  hint: run it as root, or in a container with the capability NET_RAW added\n"
    )
    enough = ends("-i", "eth0", "--once", bounds="-all,+net_raw")
    assert (enough.returncode, enough.stderr) == (1, "")
    assert " UTC: nobody heard in 3" in enough.stdout
    assert "\nwarning: nobody advertises\n" in enough.stdout
    absent = ends("-i", "eth7", bounds="-all,+net_raw")
    assert absent.returncode == 2
    assert absent.stderr == "error: there is no interface `eth7`\n  hint: there are `lo`, `eth0`\n"
    nowhere = ends("--once", bounds="-all,+net_raw")
    assert nowhere.returncode == 2
    assert "expected `-i IFACE`: this host has no default route" in nowhere.stderr
    unwritable = ends("-i", "eth0", "--pcap", "/proc/vrrp.pcap", bounds="-all,+net_raw")
    assert unwritable.returncode == 2
    assert unwritable.stderr.startswith("error: `/proc/vrrp.pcap` cannot be written: ")
    vanishes()


def vanishes() -> None:
    process = subprocess.Popen(observe("two"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "nobody heard" in process.stdout.readline()
    sh("ip -n two link set eth0 down")
    sh("ip -n two link set eth0 up")
    time.sleep(0.5)
    assert process.poll() is None
    sh("ip link del two")
    _, said = process.communicate(timeout=SLACK)
    assert (process.returncode, said) == (1, "error: `eth0` is no longer there\n")


def streamed() -> None:
    """The capture to stdout, the table to stderr, on the interface that the values name, and of the default route."""
    sh("ip -n one route add default via 198.18.0.3")
    for options in (["--set", "keepalived.vrrpInstance.interface=eth0"], []):
        with running("two", keepalived("two", Instance(51, ["198.18.0.100"], priority=255, interval=0.1))):
            command = [
                "ip",
                "netns",
                "exec",
                "one",
                *VIPALIVED,
                "observe",
                *options,
                "--for",
                "2s",
                "--pcap",
                "-",
            ]
            with tempfile.TemporaryFile() as table:
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=table, check=False)
                table.seek(0)
                said = table.read().decode()
        file = Path("/run/streamed.pcap")
        file.write_bytes(done.stdout)
        assert done.returncode == 0, said
        assert {one["ip.src"] for one in tshark(file)} == {"198.18.0.2"}
        assert "\n51    IPv4    v3       MASTER  198.18.0.2 " in said
        assert "eth0 at " in said


STORIES = (everybody, takeovers, collision, wrong_packets, permission, streamed)

if __name__ == "__main__":
    build()
    {story.__name__: story for story in STORIES}[sys.argv[1]]()
