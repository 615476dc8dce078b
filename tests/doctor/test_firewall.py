"""Rules that a test machine cannot make, or that no kernel need be asked about; the others: `tests/netns`."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from typing import Any

import pytest

from vipalived.doctor import iptables, nftables
from vipalived.doctor.firewall import Dropped, Packet, dropped

PACKET = Packet(
    inbound=True,
    interface="eth0",
    protocol=112,
    source=ip_network("198.18.0.0/24"),
    destination=IPv4Address("224.0.0.18"),
)


def by_iptables(*rules: str, policy: str = "ACCEPT", table: str = "filter") -> list[Dropped]:
    text = f"*{table}\n:INPUT {policy} [0:0]\n:own - [0:0]\n:deep - [0:0]\n" + "".join(
        f"{r}\n" for r in rules
    )
    found = [dropped(base, others) for base, others in iptables.bases(text + "COMMIT\n", PACKET)]
    return [drop for drop in found if drop]


def by_nft(*expressions: list[dict[str, Any]], dev: str | None = None, **chain: str) -> list[Dropped]:
    place = {"family": "inet", "table": "t"} | {key: chain.pop(key) for key in ("family",) if key in chain}
    base = place | {"name": "c", "hook": "input", "type": "filter"} | chain | ({"dev": dev} if dev else {})
    rules = [
        {"rule": place | {"chain": "c", "handle": handle, "expr": one}}
        for handle, one in enumerate(expressions, 1)
    ]
    ruleset = {"nftables": [{"metainfo": {}}, {"chain": base}, *rules]}
    found = [dropped(base, others) for base, others in nftables.bases(ruleset, PACKET)]
    return [drop for drop in found if drop]


@pytest.mark.parametrize(
    ("rules", "certain"),
    [
        # A match that takes two values must not swallow the target.
        (["-A INPUT -m set --match-set known src -j DROP"], False),
        (["-A INPUT -m set --match-set known src -p tcp -j DROP"], None),
        (["-A INPUT -m comment --comment -j -j DROP"], True),
        # kube-proxy's and Calico's: a mark that nothing sets, and one that is asked not to be there.
        (['-A INPUT -m comment --comment "for marked packets" -m mark --mark 0x8000/0x8000 -j DROP'], None),
        (["-A INPUT -m mark --mark 0x0/0x20000 -j DROP"], False),
        (['-A INPUT -j LOG --log-prefix "dropped: "', "-A INPUT -j DROP"], True),
        (["-A INPUT -m recent --update --seconds 60 -j ACCEPT", "-A INPUT -j DROP"], False),
        # Into a chain, out of it, and round and round.
        (["-A INPUT -j own", "-A own -p vrrp -j RETURN", "-A own -j DROP"], None),
        (["-A INPUT -j own", "-A own -p tcp -j RETURN", "-A own -j DROP"], True),
        (["-A INPUT -g own", "-A INPUT -j DROP"], None),
        (["-A INPUT -j own", "-A own -g deep", "-A own -j DROP"], None),
        (["-A INPUT -m owner --uid-owner 7 -j own", "-A own -j DROP"], False),
        (["-A INPUT -j own", "-A own -j INPUT"], None),
    ],
)
def test_iptables(rules: list[str], certain: bool | None) -> None:
    assert [drop.certain for drop in by_iptables(*rules)] == ([] if certain is None else [certain])


def test_a_policy_is_for_what_no_rule_accepts() -> None:
    assert by_iptables(policy="DROP") == [Dropped("the policy of chain INPUT in table filter", certain=True)]
    assert not by_iptables("-A INPUT -p vrrp -j ACCEPT", policy="DROP")
    assert [
        drop.certain for drop in by_iptables("-A INPUT -m limit --limit 1/s -j ACCEPT", policy="DROP")
    ] == [False]


def test_address_translation_drops_nothing() -> None:
    assert not by_iptables("-A INPUT -j DROP", table="nat")
    assert not by_nft([{"drop": None}], type="nat")


def test_a_rule_is_told_in_its_own_words() -> None:
    assert by_iptables("-A INPUT -p vrrp -j DROP") == [
        Dropped("`-A INPUT -p vrrp -j DROP` in table filter", certain=True)
    ]


def test_chains_on_a_device() -> None:
    here = {"family": "netdev", "hook": "ingress"}
    drops = [{"drop": None}]
    assert by_nft(drops, dev="eth0", **here) == [Dropped("rule 1 of chain netdev t c", certain=True)]
    assert by_nft(drops, **here) == [Dropped("rule 1 of chain netdev t c", certain=False)]  # nft 1.0.6
    assert not by_nft(drops, dev="eth1", **here)


def test_other_families_and_hooks_are_not_on_the_way() -> None:
    assert not by_nft([{"drop": None}], family="ip6")
    assert not by_nft([{"drop": None}], hook="forward")
    assert by_nft([{"drop": None}], hook="prerouting")


def test_what_iptables_has_added_to_nft_is_known_by_name_only() -> None:
    comment, other = ({"xt": {"type": "match", "name": name}} for name in ("comment", "recent"))
    reject = {"xt": {"type": "target", "name": "REJECT"}}
    assert [drop.certain for drop in by_nft([comment, reject])] == [True]
    assert [drop.certain for drop in by_nft([other, reject])] == [False]
