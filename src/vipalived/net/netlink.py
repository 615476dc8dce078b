"""A socket to the kernel's routing tables that speaks pyroute2's messages.

pyroute2's own sockets bring all of it along: 160 modules and 12 MiB, in each of the agent's processes, of which a
pod has 64. Its messages alone need 25 modules and 2 MiB, and a netlink socket is an ordinary one of Python's.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from types import ModuleType
from typing import Final

_LARGEST: Final = 1 << 16
"""The kernel fills no buffer further than half of this."""


@contextmanager
def _parts_of(package: str) -> Iterator[None]:
    """Here modules of the package can be imported without its `__init__`, which would import all the others."""
    spec = find_spec(package) if package not in sys.modules else None
    if spec is None or spec.submodule_search_locations is None:
        yield  # all of it is here already
        return
    stand_in = sys.modules[package] = ModuleType(package)
    stand_in.__path__ = list(spec.submodule_search_locations)
    try:
        yield
    finally:
        del sys.modules[package]


with _parts_of("pyroute2"):
    from pyroute2 import netlink
    from pyroute2.netlink import nlmsg, rtnl
    from pyroute2.netlink.marshal import Marshal
    from pyroute2.netlink.rtnl import ifaddrmsg as ifa
    from pyroute2.netlink.rtnl import ifinfmsg as ifi
    from pyroute2.netlink.rtnl import rtmsg as rt

__all__ = ["RoutingSocket", "ifa", "ifi", "netlink", "nlmsg", "request", "rt", "rtnl"]


class _Marshal(Marshal):  # type: ignore[misc]  # it has no types
    msg_map: Final = {
        rtnl.RTM_NEWLINK: ifi.ifinfmsg,
        rtnl.RTM_DELLINK: ifi.ifinfmsg,
        rtnl.RTM_NEWADDR: ifa.ifaddrmsg,
        rtnl.RTM_DELADDR: ifa.ifaddrmsg,
        rtnl.RTM_NEWROUTE: rt.rtmsg,
    }


def request(message: nlmsg, kind: int, flags: int) -> bytes:
    """The bytes of a request, which may be put many times: its number has its place, see `nlmsghdr` in netlink(7)."""
    message["header"]["type"], message["header"]["flags"] = kind, netlink.NLM_F_REQUEST | flags
    message.encode()
    return bytes(message.data)


class RoutingSocket(socket.socket):
    """Netlink, family NETLINK_ROUTE (rtnetlink(7))."""

    def __init__(self) -> None:
        super().__init__(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._sequence, self._marshal = count(1), _Marshal()

    def get(self) -> list[nlmsg]:
        """The messages of one datagram; raises OSError."""
        return list(self._marshal.parse(self.recv(_LARGEST)))

    def put(self, request: bytes) -> int:
        """Sends a request; the number that its answers have."""
        number = next(self._sequence)
        self.send(request[:8] + number.to_bytes(4, sys.byteorder) + request[12:])
        return number

    def ask(self, request: bytes) -> list[nlmsg]:
        """What the kernel answers to a request; raises OSError, also for an answer that is an error."""
        number = self.put(request)
        answers: list[nlmsg] = []
        while True:
            for answer in self.get():
                header = answer["header"]
                if header["sequence_number"] != number:
                    continue  # the late answer to a request that was given up
                if header["type"] == netlink.NLMSG_ERROR and answer["error"]:
                    raise OSError(-answer["error"], os.strerror(-answer["error"]))
                if header["type"] in {netlink.NLMSG_ERROR, netlink.NLMSG_DONE}:
                    return answers
                answers.append(answer)
