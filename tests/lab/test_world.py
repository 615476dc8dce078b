"""What the lab's world does between trials, where the kernel may do the same at that moment."""

from __future__ import annotations

import errno
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from vipalived.lab.world import World

VIP = "198.18.0.100"


class Message(dict[str, Any]):
    """As netlink lists an address or a neighbour."""

    def get_attr(self, _: str) -> str:
        return VIP


class Inside:
    """A host whose VIP is listed and cannot be removed any more, for this reason."""

    def __init__(self, code: int) -> None:
        self.code, self.asked = code, 0

    def get_addr(self) -> list[Message]:
        return [Message(index=2, prefixlen=32)]

    def get_neighbours(self) -> list[Message]:
        return [Message(ifindex=2)]

    def addr(self, *_: object, **__: object) -> None:
        self.asked += 1
        raise NetlinkError(self.code)

    neigh = addr


def world(node: Inside, client: Inside) -> World:
    made = World.__new__(World)
    made.plan = SimpleNamespace(nodes=[SimpleNamespace(name="node-1")], client=SimpleNamespace(name="client"))
    made._vips = {ip_address(VIP)}
    made._inside = {"node-1": node, "client": client}
    made.heal = lambda _: None
    return made


def test_what_the_kernel_has_taken_away_by_itself_is_no_error() -> None:
    """A dead agent's addresses end with their lease, at any moment."""
    node, client = Inside(errno.EADDRNOTAVAIL), Inside(errno.ENOENT)
    world(node, client).clean()
    assert (node.asked, client.asked) == (1, 1)


def test_what_cannot_be_taken_away_is_one() -> None:
    with pytest.raises(NetlinkError):
        world(Inside(errno.EPERM), Inside(errno.ENOENT)).clean()
