"""What the host's firewall does to advertisements.

A packet is taken through the rules of each base chain as the kernel takes it. Not every match can be decided
here, so there are three answers: yes, no, and perhaps (None).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from vipalived.doctor.scene import Network

_DEEPEST: Final = 16
_PROTOCOLS: Final = {"vrrp": 112, "112": 112, "ah": 51, "51": 51, "all": 0, "0": 0}


class Verdict(StrEnum):
    """What a rule does with what it matches; anything else, such as counting, is not kept."""

    ACCEPT = "accept"
    DROP = "drop"
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """An advertisement on its way in or out. `source` is a network where one of its hosts sends it."""

    inbound: bool
    interface: str
    protocol: int
    source: Network
    destination: IPv4Address | IPv6Address

    @property
    def says(self) -> str:
        """In words."""
        way = f"from {self.source}" if self.inbound else f"to {self.destination}"
        return f"advertisements {way}"


@dataclass(frozen=True, slots=True)
class Rule:
    """`matches` is for one packet; `where` says where the rule is, in the words of its own tool."""

    matches: bool | None
    verdict: Verdict
    target: str
    where: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The rules of a chain; `policy` is that of a base chain."""

    rules: Sequence[Rule]
    policy: Verdict = Verdict.ACCEPT
    where: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """By which rule or policy, and whether for sure."""

    where: str
    certain: bool


def dropped(base: Chain, chains: Mapping[str, Chain]) -> Dropped | None:
    """Whether a base chain drops the packet; `chains` are those that can be jumped to."""
    walk = _Walk(chains)
    verdict = walk.through(base, 0)
    if verdict is None and base.policy is Verdict.DROP:
        return Dropped(f"the policy of {base.where}", certain=not walk.doubtful)
    return walk.found


class _Walk:
    """One packet through one base chain. `doubtful`: a rule that was passed by may have decided otherwise."""

    def __init__(self, chains: Mapping[str, Chain]) -> None:
        self._chains = chains
        self.doubtful = False
        self.found: Dropped | None = None

    def through(self, chain: Chain, depth: int, *, perhaps: bool = False) -> Verdict | None:
        """The verdict that the packet leaves with; None for the end of the chain or a return."""
        for rule in chain.rules if depth < _DEEPEST else ():
            if rule.matches is False:
                continue
            unsure = perhaps or rule.matches is None
            match rule.verdict:
                case Verdict.DROP:
                    self._drop(rule, unsure=unsure)
                    if not unsure:
                        return Verdict.DROP
                case Verdict.ACCEPT if not unsure:
                    return Verdict.ACCEPT
                case Verdict.RETURN if rule.matches:
                    return None
                case Verdict.ACCEPT | Verdict.RETURN:
                    self.doubtful = True
                case Verdict.JUMP | Verdict.GOTO:
                    inner = self.through(self._chains.get(rule.target, Chain(())), depth + 1, perhaps=unsure)
                    if inner is not None or (rule.verdict is Verdict.GOTO and rule.matches):
                        return inner
        return None

    def _drop(self, rule: Rule, *, unsure: bool) -> None:
        certain = not (unsure or self.doubtful)
        if self.found is None or (certain and not self.found.certain):
            self.found = Dropped(rule.where, certain=certain)
        self.doubtful = self.doubtful or unsure


def all_of(answers: Sequence[bool | None]) -> bool | None:
    """Whether all conditions of a rule hold."""
    if False in answers:
        return False
    return None if None in answers else True


def any_of(answers: Sequence[bool | None]) -> bool | None:
    """Whether one of several values fits."""
    if True in answers:
        return True
    return None if None in answers else False


def negated(answer: bool | None, *, really: bool = True) -> bool | None:
    """`!`, where there is one."""
    return answer if answer is None or not really else not answer


def is_protocol(packet: Packet, text: str, *, wildcard: bool = False) -> bool | None:
    """Whether a protocol, by name or number, is the packet's; iptables has 0 for any."""
    number = _PROTOCOLS.get(text.lower())
    if number == 0 and wildcard:
        return True
    return number == packet.protocol


def is_interface(name: str, pattern: str, wildcard: str) -> bool:
    """`eth+` of iptables, `eth*` of nft."""
    return name.startswith(pattern[:-1]) if pattern.endswith(wildcard) else name == pattern


def within(network: Network, text: str) -> bool | None:
    """Whether an address out of `network` is in what `text` says; perhaps, where only some are."""
    try:
        other = ip_network(text, strict=False)
    except ValueError:
        return None
    if network.version != other.version:
        return False
    if network.subnet_of(other):  # type: ignore[arg-type]  # they are of one version
        return True
    return None if network.overlaps(other) else False
