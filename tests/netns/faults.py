"""Stories told by `test_doctor.py`, of the link, the segment and the kernel.

Each makes one fault, and the doctor must find that one and no other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.netns.ward import NAMES, NO_API, OWN, PEER, VIP, Ward, nft, sh, wait
from vipalived.doctor import sysctl


def healthy(ward: Ward) -> None:
    """A Backup beside a Master, with an API server on both: nothing is wrong, and all but the nodes is looked at."""
    ward.keepalived()
    ward.api(*NAMES)
    ward.api(*NAMES, at_neighbour=True)
    ward.kubelet(f"https://{OWN}:6443")
    report = ward.examine()
    report.only()
    assert report.code == 0
    assert [name for name in report.findings if report.severity(name) == "skipped"] == ["nodes"]
    assert f"heard {PEER} with priority 100" in report.findings["peers"]["seen"]
    assert f"has {VIP}, and advertises it" in report.findings["holder"]["seen"]


def healthy_master(ward: Ward) -> None:
    """The Master itself, with both address families."""
    both = "keepalived.vrrpInstance.virtualIpAddresses={2001:db8::100/64}"
    sh("ip address add 2001:db8::1/64 dev v0 nodad")
    daemon = ward.keepalived(both, at_neighbour=False)
    wait(lambda: "2001:db8::100" in sh("ip address show v0"), "the VIPs")
    report = ward.examine(both, NO_API)
    report.only().tells("holder", "ok", "and nobody else answers for it")
    report.tells("daemons", "ok", f"keepalived (process {daemon.process.pid}, virtual_router_id 51")
    assert report.severity("peers") == "skipped"


def before(ward: Ward) -> None:
    """Nothing runs yet: nothing is wrong with that."""
    report = ward.examine(NO_API).only()
    assert [report.severity(name) for name in ("peers", "holder")] == ["skipped", "skipped"]


def interface(ward: Ward) -> None:
    """No such interface; then one that is down; then one without a carrier; a tracked one; one for each node."""
    report = ward.examine("keepalived.vrrpInstance.interface=eth7", NO_API)
    report.tells("interface", "error", "there is no interface eth7; this host has v0").only("interface")
    report = ward.examine("keepalived.vrrpInstance.interface=eth7", "nodes.cp-1.interface=v0", NO_API)
    report.tells("interface", "ok", "v0 is up").only()
    report = ward.examine("keepalived.vrrpInstance.interface=auto", NO_API)
    report.tells("interface", "ok", f"v0 is up and has carrier; it has {OWN}/24, the subnet of").only()
    nowhere = (
        "keepalived.vrrpInstance.interface=auto",
        "keepalived.vrrpInstance.virtualIpAddress=198.19.0.9/32",
    )
    report = ward.examine(*nowhere, NO_API)
    report.tells("interface", "error", "`auto` means none here: no subnet here has 198.19.0.9").only(
        "interface"
    )
    report = ward.examine("keepalived.vrrpInstance.trackInterface={eth7}", NO_API)
    report.tells("interface", "error", "there is no interface eth7").only("interface")
    ward.there("ip link set v1 down")
    wait(lambda: "LOWER_UP" not in sh("ip link show v0"), "the carrier to go")
    ward.examine(NO_API).tells("carrier", "error", "has no carrier").only("carrier")
    sh("ip link set v0 down")
    ward.examine(NO_API).tells("interface", "error", "v0 is down")


def address(ward: Ward) -> None:
    """VRRP needs one of its own."""
    sh(f"ip address del {OWN}/24 dev v0")
    report = ward.examine(NO_API, "keepalived.vrrpInstance.virtualIpAddress=198.18.0.100/32")
    report.tells("address", "error", "v0 has not an IPv4 address").only("address", "subnet")


def subnet(ward: Ward) -> None:
    """Outside, without a route, then by a gateway, then by a route on the link, which will do."""
    outside = ("keepalived.vrrpInstance.virtualIpAddress=198.19.0.100/32", NO_API)
    report = ward.examine(*outside)
    report.tells("subnet", "error", "198.19.0.100 is not in 198.18.0.0/24, which v0 has, and no route").only(
        "subnet"
    )
    sh(f"ip route add default via {PEER}")
    ward.examine(*outside).tells("subnet", "warning", "this node would go there by a gateway").only("subnet")
    sh("ip route add 198.19.0.0/24 dev v0")
    ward.examine(*outside).only()


def stranger(ward: Ward) -> None:
    """Somebody answers for the VIP who speaks no VRRP; then this node has it, too."""
    ward.there(f"ip address add {VIP}/24 dev v1")
    report = ward.examine(NO_API)
    report.tells("holder", "error", f"answers for {VIP}, and advertised nothing").only("holder")
    assert ward.there("ip -br link show v1").split()[2] in report.findings["holder"]["seen"]
    sh(f"ip address add {VIP}/24 dev v0 nodad")
    ward.examine(NO_API).tells("holder", "error", f"this node has {VIP}, and ").only("holder")


def leftover(ward: Ward) -> None:
    """A killed keepalived leaves the VIP on the interface."""
    daemon = ward.keepalived(at_neighbour=False)
    ward.examine(NO_API).only()
    daemon.kill()
    wait(lambda: f" {VIP}/" in sh("ip address show v0"), "the VIP to be there still")
    report = ward.examine(NO_API)
    report.tells("holder", "warning", f"this node has {VIP}, but no daemon that looks after it").only(
        "holder"
    )


def stranger_ipv6(ward: Ward) -> None:
    """The same by neighbour discovery."""
    six = "keepalived.vrrpInstance.virtualIpAddress=2001:db8::100/64"
    sh("ip address add 2001:db8::1/64 dev v0 nodad")
    ward.examine(six, NO_API).only()
    ward.there("ip address add 2001:db8::100/64 dev v1 nodad")
    report = ward.examine(six, NO_API)
    report.tells("holder", "error", "answers for 2001:db8::100, and advertised nothing").only("holder")


def vrid(ward: Ward) -> None:
    """Another virtual router of our number."""
    other = ward.keepalived("keepalived.vrrpInstance.virtualIpAddress=198.18.0.200/24")
    report = ward.examine(NO_API)
    report.tells("vrid", "error", f"{PEER} (").tells("vrid", "error", "virtual router 51 for 198.18.0.200")
    report.only("vrid")
    ward.examine(NO_API, "keepalived.vrrpInstance.virtualRouterId=52").only()
    other.end()


def refused(ward: Ward) -> None:
    """A peer whose values differ: version, then password, then its addresses."""
    v2 = ("keepalived.vrrpVersion=2", "keepalived.vrrpInstance.advertInt=1")
    other = ward.keepalived(*v2, "keepalived.vrrpInstance.priority=255")
    report = ward.examine("keepalived.vrrpInstance.advertInt=0.4", NO_API)
    report.tells("peers", "error", "is refused: it speaks another version of VRRP").only("peers")
    report = ward.examine(*v2, "keepalived.vrrpInstance.authentication.authPass=other", NO_API)
    report.tells("peers", "error", "is refused: its password is another one").only("peers")
    other.end()
    ward.keepalived()
    report = ward.examine(NO_API, "keepalived.vrrpInstance.virtualIpAddresses={198.18.0.101/24}")
    report.tells("peers", "warning", f"advertises {VIP}, which are not all VIPs").only("peers", "holder")


def unheard(ward: Ward) -> None:
    """The firewall cannot be read here, and drops what comes: told by what does not arrive."""
    ward.keepalived()
    nft("table inet f { chain i { type filter hook input priority 0; meta l4proto vrrp drop; }; }")
    path, os.environ["PATH"] = os.environ["PATH"], "/nowhere"
    report = ward.examine(NO_API)
    os.environ["PATH"] = path
    assert report.severity("firewall") == "skipped"
    assert "`nft` is not installed here" in report.findings["firewall"]["seen"]
    report.tells("peers", "error", "reach v0, but not the sockets of this host").only("peers")


def mute(ward: Ward) -> None:
    """The Master has not the VIP; a Backup here that stands still, and nobody has it; a hold that nobody hears."""
    master = ward.keepalived()
    ward.sysctl("net.ipv4.conf.all.arp_ignore", 8, there=True)
    report = ward.examine(NO_API)
    report.tells("holder", "error", f"{PEER} advertises {VIP}, but nobody answers for it").only("holder")
    own = ward.keepalived(at_neighbour=False, master=False)
    wait(lambda: "Entering BACKUP STATE" in own.log.read_text(), "a Backup")
    (child,) = Path(f"/proc/{own.process.pid}/task/{own.process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGSTOP)
    master.end()
    report = ward.examine(NO_API)
    report.tells("holder", "error", f"nobody has {VIP}").tells("peers", "error", "no advertisement in 0.8 s")
    report.only("holder", "peers")
    os.kill(int(child), signal.SIGCONT)


def unicast(ward: Ward) -> None:
    """A peer that is there, and one that is not."""
    peers = f"keepalived.vrrpInstance.unicastPeers={{{OWN},{PEER}}}"
    own = f"nodes.cp-1.unicastSourceAddress={OWN}"
    ward.examine(peers, own, NO_API).only()
    daemon = ward.keepalived(peers, f"keepalived.vrrpInstance.unicastSourceAddress={PEER}", "static=true")
    ward.examine(peers, own, NO_API).tells("peers", "ok", f"heard {PEER}").only()
    more = f"keepalived.vrrpInstance.unicastPeers={{{OWN},{PEER},198.18.0.3}}"
    ward.examine(more, own, NO_API).tells("peers", "warning", "no answer from 198.18.0.3 on v0").only("peers")
    nobody = f"keepalived.vrrpInstance.unicastPeers={{{OWN},198.18.0.3}}"
    report = ward.examine(nobody, own, NO_API).only("peers")
    report.tells("peers", "error", "is refused: it is not among `unicastPeers`")
    daemon.end()
    ward.examine(nobody, own, NO_API).tells("peers", "error", "no answer from 198.18.0.3 on v0").only("peers")


def rp_filter(ward: Ward) -> None:
    """Strict, and what comes in is not answered there: told, and true."""
    sh("ip link add w0 type veth peer name w1")
    sh("ip link set w0 up")
    sh("ip link set w1 up")
    ward.sysctl("net.ipv4.conf.v0.rp_filter", 1)
    ward.examine(NO_API).tells("rp_filter", "ok", "rp_filter is 1").only()
    sh("ip route add default dev w0")
    report = ward.examine(NO_API).tells("rp_filter", "warning", "the default route is by another interface")
    report.only("rp_filter")
    sh("ip route del default")
    master = ward.keepalived()
    sh("ip route del 198.18.0.0/24 dev v0")
    sh("ip route add 198.18.0.0/24 dev w0")
    report = ward.examine(NO_API).tells("rp_filter", "error", "198.18.0.0/24 is routed by another interface")
    report.tells("peers", "error", "but not the sockets of this host").only("rp_filter", "peers")
    ward.sysctl("net.ipv4.conf.v0.rp_filter", 2)
    ward.examine(NO_API).only()
    master.end()


def arp_ignore(ward: Ward) -> None:
    """What the doctor says of each value is what the kernel does: the neighbour asks for a VIP that is here."""
    sh("ip route add 198.19.0.0/24 dev v0")
    for vip in (VIP, "198.19.0.100"):
        sh(f"ip address add {vip}/32 dev v0")
        for value in (0, 1, 2, 3, 8):
            ward.sysctl("net.ipv4.conf.v0.arp_ignore", value)
            found = next(sysctl.examine(ward.scene(f"keepalived.vrrpInstance.virtualIpAddress={vip}/32")))
            told = {"arp_ignore": found.severity == "ok"}
            assert told == {"arp_ignore": _answers(ward, vip)}, (vip, value, found)
    ward.examine(NO_API).tells("arp_ignore", "error", "arp_ignore is 8 on v0").only("arp_ignore", "holder")


def _answers(ward: Ward, vip: str) -> bool:
    """As a client of the subnet asks for it, by the kernel's own ARP."""
    subprocess.run([*ward.enter, "ip", "neighbour", "flush", "dev", "v1"], check=True, capture_output=True)
    ward.there(f"ip route replace {vip}/32 dev v1")
    ask = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{vip}', 9))"
    subprocess.run([*ward.enter, sys.executable, "-c", ask], check=True)
    ward.sysctl("net.ipv4.neigh.v1.mcast_solicit", 1, there=True)
    state = ""

    def settled() -> bool:
        nonlocal state
        state = ward.there(f"ip neighbour show {vip} dev v1")
        return "lladdr" in state or "FAILED" in state

    wait(settled, "an answer, or none")
    return "lladdr" in state


def elsewhere(ward: Ward) -> None:
    """The VIP is on another interface of this host, as kube-proxy's IPVS mode puts it."""
    sh(f"ip address add {VIP}/32 dev lo")
    assert _answers(ward, VIP)
    report = ward.examine(NO_API)
    report.tells("arp_ignore", "error", f"{VIP} is on lo of this host, and arp_ignore is 0 on v0")
    report.tells("arp_announce", "warning", f"{VIP} is on lo of this host").only("arp_ignore", "arp_announce")
    ward.sysctl("net.ipv4.conf.all.arp_ignore", 1)
    ward.sysctl("net.ipv4.conf.v0.arp_announce", 2)
    assert not _answers(ward, VIP)
    ward.examine(NO_API).only()


if __name__ == "__main__":
    globals()[sys.argv[1]](Ward())
