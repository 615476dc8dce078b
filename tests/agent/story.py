"""A ledger in virtual time, for all tests of what is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_interface

from msgspec.structs import replace

from vipalived.agent.ledger import Ledger
from vipalived.agent.plan import MemberPlan
from vipalived.agent.snapshot import Snapshot
from vipalived.vrrp.model import Garp, Standing

US, PEER, OTHER = ip_address("198.18.0.1"), ip_address("198.18.0.2"), ip_address("198.18.0.3")
VIP, VIP6 = ip_address("198.18.0.100"), ip_address("2001:db8::100")
MAC = "02:00:00:00:00:07"
MEMBER = MemberPlan(
    family=4,
    vrid=51,
    version=3,
    priority=100,
    interval=1.0,
    preempt=False,
    addresses=(ip_interface("198.18.0.100/24"),),
    garp=Garp(),
)
MEMBER6 = replace(MEMBER, family=6, addresses=(ip_interface("2001:db8::100/64"),))
MIDNIGHT = 1769817600.0
"""2026-01-31, when the machine has been up for 1000 s."""


@dataclass(frozen=True)
class Plan:
    node: str = "cp-1"
    interface: str = "eth0"
    chosen: str = ""
    vrid: int = 51
    health: object | None = "checked"
    members: tuple[MemberPlan, ...] = (MEMBER,)


class Story:
    """A ledger, and the time."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.now = 1000.0
        self.ledger = Ledger(plan or Plan(), now=lambda: self.now, wall=lambda: MIDNIGHT + self.now - 1000.0)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def heard(self, priority: int = 100, interval: float = 1.0) -> None:
        self.ledger.heard(PEER, priority, interval)

    def is_master(self) -> None:
        self.ledger.state("BACKUP", "startup")
        self.ledger.source(US)
        self.ledger.state("MASTER", "master-down-expired")
        self.ledger.held({VIP})

    def shown(self) -> Snapshot:
        return self.ledger.snapshot()


def eventful(plan: Plan | None = None) -> Story:
    """One to which everything has happened."""
    story = Story(plan)
    story.ledger.state("BACKUP", "startup")
    story.heard()
    story.wait(1)
    story.is_master()
    story.ledger.sent(100)
    story.ledger.late(0.2)
    story.ledger.discarded("ttl", "198.18.0.8")
    story.ledger.health(Standing.DEAD, "connection refused")
    story.ledger.configuration("priority: expected 1..255, found 300")
    story.ledger.trouble("cannot do it")
    for _ in range(2):
        story.ledger.second_holder(VIP, MAC)
        story.wait(3)
    return story
