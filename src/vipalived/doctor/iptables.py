"""What `iptables-save` says, as the rules that one packet meets; iptables-extensions(8)."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Final

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

_TARGETS: Final = {
    "ACCEPT": Verdict.ACCEPT,
    "DROP": Verdict.DROP,
    "REJECT": Verdict.DROP,
    "RETURN": Verdict.RETURN,
}
_INBOUND, _OUTBOUND = ("PREROUTING", "INPUT"), ("OUTPUT", "POSTROUTING")
_HARMLESS: Final = {"-m", "--match", "--comment"}


def bases(text: str, packet: Packet) -> Iterator[tuple[Chain, dict[str, Chain]]]:
    """Every base chain that the packet passes, with the chains of its table; `nat` decides where, not whether."""
    for table, lines in _tables(text):
        if table == "nat":
            continue
        chains = {
            name: Chain(rules, policy, where) for name, policy, where, rules in _chains(table, lines, packet)
        }
        for name in _INBOUND if packet.inbound else _OUTBOUND:
            if name in chains:
                yield chains[name], chains


def _tables(text: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in text.splitlines():
        if line.startswith("*"):
            name, lines = line[1:].strip(), []
        elif line == "COMMIT":
            yield name, lines
        elif not line.startswith("#"):
            lines.append(line)


def _chains(table: str, lines: list[str], packet: Packet) -> Iterator[tuple[str, Verdict, str, list[Rule]]]:
    rules: dict[str, list[Rule]] = {}
    declared = []
    for line in lines:
        if line.startswith(":"):
            name, policy, *_ = line[1:].split()
            declared.append((name, Verdict.DROP if policy == "DROP" else Verdict.ACCEPT))
        elif line.startswith("-A "):
            words = shlex.split(line)
            rule = _rule(words[2:], packet, f"`{line}` in table {table}")
            if rule is not None:
                rules.setdefault(words[1], []).append(rule)
    for name, policy in declared:
        yield name, policy, f"chain {name} in table {table}", rules.get(name, [])


def _rule(words: list[str], packet: Packet, where: str) -> Rule | None:
    answers: list[bool | None] = []
    for inverted, option, values in _options(words):
        if option in {"-j", "-g"}:
            # What jumps to no chain of ours, such as LOG, finds none and goes on.
            otherwise = Verdict.JUMP if option == "-j" else Verdict.GOTO
            return Rule(all_of(answers), _TARGETS.get(values[0], otherwise), values[0], where)
        if option not in _HARMLESS:
            answers.append(negated(_condition(option, " ".join(values), packet), really=inverted))
    return None


def _options(words: list[str]) -> Iterator[tuple[bool, str, list[str]]]:
    """Each option with its values, of which some have several, and whether `!` stands before it."""
    inverted = False
    while words:
        option, *words = words
        if option == "!":
            inverted = True
            continue
        # A comment may begin with anything.
        count = (
            1
            if option == "--comment"
            else next((at for at, word in enumerate(words) if word[:1] in "-!"), len(words))
        )
        yield inverted, option, words[:count]
        words, inverted = words[count:], False


def _condition(option: str, value: str, packet: Packet) -> bool | None:
    known = _CONDITIONS.get(option)
    return None if known is None else known(value, packet)


def _multicast(value: str, packet: Packet) -> bool | None:
    kinds = value.upper().split(",")
    known = {"MULTICAST", "BROADCAST", "UNICAST", "LOCAL", "ANYCAST"}
    if packet.destination.is_multicast:
        return "MULTICAST" in kinds
    return None if set(kinds) & known - {"MULTICAST", "BROADCAST"} else False


def _states(value: str, packet: Packet) -> bool | None:
    """Nobody answers an advertisement, so each is a new connection; a unicast one may be of an old one."""
    states = set(value.upper().split(","))
    if states & {"NEW", "UNTRACKED"}:
        return True
    return None if "ESTABLISHED" in states and not packet.destination.is_multicast else False


# Other rules may have marked the packet, so what asks for no mark is not decided here.
_CONDITIONS: Final[dict[str, Callable[[str, Packet], bool | None]]] = {
    "-p": lambda value, packet: is_protocol(packet, value, wildcard=True),
    "-i": lambda value, packet: packet.inbound and is_interface(packet.interface, value, "+"),
    "-o": lambda value, packet: not packet.inbound and is_interface(packet.interface, value, "+"),
    "-s": lambda value, packet: any_of([within(packet.source, one) for one in value.split(",")]),
    "-d": lambda value, packet: any_of(
        [within(ip_network(packet.destination), one) for one in value.split(",")]
    ),
    "--pkt-type": lambda value, packet: (
        value == ("multicast" if packet.destination.is_multicast else "unicast")
    ),
    "--dst-type": _multicast,
    "--state": _states,
    "--ctstate": _states,
    "--mark": lambda value, _: None if int(value.partition("/")[0], 0) == 0 else False,
    "--ttl-eq": lambda value, _: value == "255",
    "--hl-eq": lambda value, _: value == "255",
}
