"""What `nft -j list ruleset` says, as the rules that one packet meets; libnftables-json(5)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, Final

from vipalived.doctor.firewall import (
    Chain,
    Packet,
    Rule,
    Verdict,
    all_of,
    any_of,
    is_interface,
    is_protocol,
    negated,
    within,
)

_TERMINAL: Final = {
    "accept": Verdict.ACCEPT,
    "drop": Verdict.DROP,
    "reject": Verdict.DROP,
    "return": Verdict.RETURN,
    "jump": Verdict.JUMP,
    "goto": Verdict.GOTO,
}
_HARMLESS: Final = {"counter", "log", "comment", "notrack", "mangle", "flow", "ct helper"}
_XT_COMMENT: Final = {"type": "match", "name": "comment"}
"""What iptables has added, which nft can name but not read."""
_IPTABLES: Final = {"filter", "mangle", "raw", "security"}
_NEW: Final = {"new", "untracked"}


def is_of_iptables(item: dict[str, Any]) -> bool:
    """Whether iptables has made this: its own listing can say all of it, and this one cannot."""
    chain = item.get("chain", {})
    return (
        chain.get("family") in {"ip", "ip6"} and chain.get("table") in _IPTABLES and chain["name"].isupper()
    )


def bases(ruleset: dict[str, Any], packet: Packet) -> Iterator[tuple[Chain, dict[str, Chain]]]:
    """Every base chain that the packet passes, with the chains of its table."""
    objects = [item for item in ruleset.get("nftables", []) if isinstance(item, dict)]
    reader = _Reader(objects, packet)
    for item in objects:
        chain = item.get("chain")
        if chain and reader.on_the_way(chain):
            table = (chain["family"], chain["table"])
            others = {
                inner["name"]: reader.chain(inner)
                for entry in objects
                if (inner := entry.get("chain")) and (inner["family"], inner["table"]) == table
            }
            yield others[chain["name"]], others


class _Reader:
    def __init__(self, objects: list[dict[str, Any]], packet: Packet) -> None:
        self._packet = packet
        self._version = packet.destination.version
        self._rules: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        self._sets: dict[tuple[str, ...], list[Any]] = {}
        for item in objects:
            if rule := item.get("rule"):
                self._rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)
            if named := item.get("set") or item.get("map"):
                self._sets[named["family"], named["table"], named["name"]] = named.get("elem", [])

    def on_the_way(self, chain: dict[str, Any]) -> bool:
        """Chains of type nat decide where, not whether."""
        family, hook = chain["family"], chain.get("hook")
        if family == "netdev":
            devices = chain.get("dev", [])
            devices = devices if isinstance(devices, list) else [devices]
            way = "ingress" if self._packet.inbound else "egress"
            return hook == way and (not devices or self._packet.interface in devices)
        hooks = {"prerouting", "input", "ingress"} if self._packet.inbound else {"output", "postrouting"}
        families = {"inet", "ip" if self._version == 4 else "ip6"}
        return family in families and hook in hooks and chain.get("type") != "nat"

    def chain(self, chain: dict[str, Any]) -> Chain:
        key = (chain["family"], chain["table"], chain["name"])
        # nft 1.0.6 does not list the device of such a chain, so whether it is ours cannot be told.
        vague: list[bool | None] = [None] if chain["family"] == "netdev" and not chain.get("dev") else []
        rules = [made for rule in self._rules.get(key, []) for made in self._rule(rule, vague)]
        policy = Verdict.DROP if chain.get("policy") == "drop" else Verdict.ACCEPT
        return Chain(rules, policy, f"chain {' '.join(key)}")

    def _rule(self, rule: dict[str, Any], vague: list[bool | None]) -> Iterator[Rule]:
        """A rule with a verdict map is several."""
        where = f"rule {rule['handle']} of chain {rule['family']} {rule['table']} {rule['chain']}"
        answers = [*vague]
        table = (rule["family"], rule["table"])
        for statement in rule["expr"]:
            ((kind, content),) = statement.items()
            if kind in _TERMINAL:
                yield Rule(all_of(answers), _TERMINAL[kind], _target(content), where)
                return
            if kind == "vmap":
                yield from self._vmap(content, answers, where, table)
            elif kind == "xt" and content.get("name") == "REJECT":
                yield Rule(all_of(answers), Verdict.DROP, "", where)
                return
            elif kind == "match":
                answers.append(self._match(content, table))
            elif kind not in _HARMLESS and content != _XT_COMMENT:
                answers.append(None)

    def _vmap(
        self, content: dict[str, Any], answers: list[bool | None], where: str, table: tuple[str, ...]
    ) -> Iterator[Rule]:
        data = content["data"]
        pairs = self._sets.get((*table, data[1:]), []) if isinstance(data, str) else data.get("set", [])
        for key, verdict in pairs:
            ((kind, inner),) = verdict.items()
            answer = self._fits(content["key"], _bare(key), table)
            if kind in _TERMINAL:
                yield Rule(all_of([*answers, answer]), _TERMINAL[kind], _target(inner), where)

    def _match(self, match: dict[str, Any], table: tuple[str, ...]) -> bool | None:
        if match["op"] not in {"==", "!=", "in"}:
            return None
        answer = self._fits(match["left"], match["right"], table)
        return negated(answer, really=match["op"] == "!=")

    def _fits(self, left: Any, right: Any, table: tuple[str, ...]) -> bool | None:
        """Whether what `left` names is `right`: a value, several of them, or a named set."""
        if isinstance(right, str) and right.startswith("@"):
            right = self._sets.get((*table, right[1:]), [])
        if isinstance(right, dict) and "set" in right:
            right = right["set"]
        if isinstance(right, list):
            return any_of([self._fits(left, _bare(one), table) for one in right])
        if not isinstance(left, dict):
            return None
        ((kind, name),) = left.items()
        if kind == "&" and name[0] == {"meta": {"key": "mark"}}:
            return _mark(right)
        match kind:
            case "meta":
                return self._meta(name["key"], right)
            case "payload":
                return self._payload(name, right)
            case "ct":
                return right in _NEW if name.get("key") == "state" else None
            case "fib":
                return self._fib(name, right)
        return None

    def _meta(self, key: str, right: Any) -> bool | None:
        packet = self._packet
        match key:
            case "l4proto":
                return is_protocol(packet, str(right))
            case "iifname" | "iif":
                return packet.inbound and is_interface(packet.interface, str(right), "*")
            case "oifname" | "oif":
                return not packet.inbound and is_interface(packet.interface, str(right), "*")
            case "nfproto":
                return str(right) == f"ipv{self._version}"
            case "protocol":
                return str(right) == ("ip" if self._version == 4 else "ip6")
            case "pkttype":
                return bool(_kind(packet) == right)
            case "mark":
                return _mark(right)
        return None

    def _payload(self, field: dict[str, Any], right: Any) -> bool | None:
        packet, protocol, name = self._packet, field.get("protocol"), field.get("field")
        if protocol in {
            "tcp",
            "udp",
            "icmp",
            "icmpv6",
            "sctp",
            "dccp",
            "igmp",
            "th",
            "udplite",
            "esp",
            "comp",
        }:
            return False
        if protocol in {"ip", "ip6"} and protocol != ("ip" if self._version == 4 else "ip6"):
            return False
        match name:
            case "protocol" | "nexthdr":
                return is_protocol(packet, str(right))
            case "saddr":
                return within(packet.source, _network(right))
            case "daddr":
                return within(ip_network(packet.destination), _network(right))
            case "ttl" | "hoplimit":
                return bool(right == 255)
        return None

    def _fib(self, question: dict[str, Any], right: Any) -> bool | None:
        if question.get("result") != "type" or question.get("flags") not in ("daddr", ["daddr"]):
            return None
        return _kind(self._packet) == right if right in {"multicast", "broadcast"} else None


def _mark(right: Any) -> bool | None:
    """Other rules may have marked the packet, so what asks for no mark is not decided here."""
    return None if right == 0 else False


def _kind(packet: Packet) -> str:
    return "multicast" if packet.destination.is_multicast else "host"


def _target(content: Any) -> str:
    return str(content["target"]) if isinstance(content, dict) and "target" in content else ""


def _bare(element: Any) -> Any:
    """A set's element without its counter, timeout or comment."""
    if isinstance(element, dict) and "elem" in element:
        inner = element["elem"]
        return inner["val"] if isinstance(inner, dict) and "val" in inner else inner
    return element


def _network(right: Any) -> str:
    """What `within` reads; ranges become it where they are one network."""
    if isinstance(right, dict) and "prefix" in right:
        return f"{right['prefix']['addr']}/{right['prefix']['len']}"
    return str(right)
