"""Stories told by `test_doctor.py`, of the firewall.

Each makes one fault, and the doctor must find that one and no other.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys

from tests.netns.ward import CANNOT, NO_API, OWN, PEER, Ward, nft, sh
from vipalived.doctor import filters

INBOUND = {
    "ip protocol 112 drop": "error",
    "meta l4proto vrrp counter reject": "error",
    "ip daddr 224.0.0.0/8 drop": "error",
    "ip daddr 224.0.0.18 ip saddr 198.18.0.0/16 drop": "error",
    "ip protocol { tcp, vrrp } drop": "error",
    "meta pkttype multicast drop": "error",
    "meta l4proto vmap { tcp : accept, vrrp : drop }": "error",
    "iifname v0 jump inner": "error",
    "ct state { established, related } accept; counter drop": "error",
    "iifname v0 goto inner; accept": "error",
    "ip saddr 198.18.0.2 drop": "warning",
    "meta l4proto vrrp limit rate over 1/hour drop": "warning",
    "iifname w0 drop": "ok",
    "ip6 nexthdr vrrp drop": "ok",
    "meta l4proto vrrp accept; drop": "ok",
    "ip protocol @spoken accept; drop": "ok",
    "meta l4proto != vrrp drop": "ok",
    "tcp dport 22 drop; udp dport 53 reject; meta mark and 0x8000 == 0x8000 drop": "ok",
}
IPTABLES = {
    "-p vrrp -j DROP": "error",
    "-p 112 -i v0 -j REJECT": "error",
    "-d 224.0.0.18/32 -j DROP": "error",
    "-m pkttype --pkt-type multicast -j DROP": "error",
    "-m addrtype --dst-type MULTICAST -j DROP": "error",
    "-m conntrack ! --ctstate RELATED,ESTABLISHED -m comment --comment two\\ words -j DROP": "error",
    "-i v+ ! -p tcp -j DROP": "error",
    "-s 198.18.0.2 -j DROP": "warning",
    "-p tcp --tcp-flags SYN,ACK SYN -j DROP": "ok",
    "-m mark --mark 0x0/0x20000 -j DROP": "warning",
    "-p tcp -m multiport --dports 22,80 -j DROP": "ok",
    "-m mark --mark 0x8000/0x8000 -j DROP": "ok",
    "! -i v0 -j DROP": "ok",
}


def firewall(ward: Ward) -> None:
    """What the doctor says of each rule is what the kernel does with an advertisement."""
    ward.keepalived()
    for rule, told in INBOUND.items():
        lines = "".join(f"add rule inet f input {one}\n" for one in rule.split("; "))
        nft(
            "table inet f { set spoken { type inet_proto; elements = { vrrp, ah }; }; chain inner { drop; };"
            f" chain input {{ type filter hook input priority 0; }}; }}\n{lines}"
        )
        _agree(ward, rule, told)
        sh("nft delete table inet f")
    nft("table ip f { chain p { type filter hook prerouting priority 0; policy drop; }; }")
    _agree(ward, "the policy of chain ip f p", "error")
    sh("nft delete table ip f")
    nft(
        "table netdev f { chain i { type filter hook ingress device v0 priority 0; meta l4proto 112 drop; }; }"
    )
    assert not _passes()
    assert filters.examine(ward.scene()).severity in {
        "error",
        "warning",
    }  # nft 1.0.6 does not list the device


def firewall_iptables(ward: Ward) -> None:
    """The same of iptables, which nft lists only in part."""
    ward.keepalived()
    for rule, told in IPTABLES.items():
        words = [word.replace("\\", "") for word in re.split(r"(?<!\\) ", rule)]
        subprocess.run(["iptables", "-A", "INPUT", *words], check=True)
        _agree(ward, rule, told)
        sh("iptables -F INPUT")
    sh("iptables -P INPUT DROP")
    _agree(ward, "the policy of chain INPUT in table filter", "error")
    sh("iptables -P INPUT ACCEPT")


def firewall_legacy(ward: Ward) -> None:
    """Its older form, which nft does not list, and only its own tool."""
    ward.keepalived()
    done = subprocess.run(
        ["iptables-legacy", "-A", "INPUT", "-p", "vrrp", "-j", "DROP"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(f"no iptables of the older form here: {done.stderr.strip()}\n")
        sys.exit(CANNOT)
    _agree(ward, "-A INPUT -p vrrp -j DROP", "error")


def firewall_out(ward: Ward) -> None:
    """What this node sends is looked at, too; unicast by the peer, and IPv6 by its own rules."""
    nft("table inet f { chain o { type filter hook output priority 0; ip protocol vrrp drop; }; }")
    report = ward.examine(NO_API)
    report.tells("firewall", "error", "rule 2 of chain inet f o drops advertisements to 224.0.0.18").only(
        "firewall"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(OWN))
        try:
            sender.sendto(b"x", ("224.0.0.18", 0))
        except PermissionError:
            pass
        else:
            raise AssertionError("the kernel lets it pass")
    peers = (
        f"keepalived.vrrpInstance.unicastPeers={{{OWN},{PEER}}}",
        f"nodes.cp-1.unicastSourceAddress={OWN}",
    )
    assert filters.examine(ward.scene(*peers)).seen.endswith(f"drops advertisements to {PEER}")
    six = "keepalived.vrrpInstance.virtualIpAddress=2001:db8::100/64"
    assert filters.examine(ward.scene(six)).severity == "ok"
    sh("ip6tables -A INPUT -d ff02::12 -j DROP")
    assert filters.examine(ward.scene(six)).severity == "error"
    assert filters.examine(ward.scene(six)).seen.startswith(
        "`-A INPUT -d ff02::12/128 -j DROP` in table filter"
    )


def _agree(ward: Ward, rule: str, told: str) -> None:
    found = filters.examine(ward.scene())
    assert found.severity == told, (rule, found)
    passes = _passes()
    assert told == "warning" or passes == (told == "ok"), (rule, passes, found)


def _passes() -> bool:
    """Whether an advertisement of the neighbour's reaches a raw socket: three of them are due."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as receiver:
        group = socket.inet_aton("224.0.0.18") + socket.inet_aton(OWN)
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        receiver.settimeout(0.35)
        try:
            return bool(receiver.recv(2048))
        except TimeoutError:
            return False


if __name__ == "__main__":
    globals()[sys.argv[1]](Ward())
