"""The kernel's routing socket, by pyroute2: addresses put on and taken off, and what changes on the host."""

from __future__ import annotations

import errno
import math
import socket
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_interface

from vipalived.interfaces import UNABLE, DefaultRoute
from vipalived.net import bpf
from vipalived.net.netlink import RoutingSocket, ifa, ifi, netlink, nlmsg, request, rt, rtnl
from vipalived.net.view import AddressChange, Change, LinkChange, View
from vipalived.vrrp.packet import IPAddress

_PATIENCE = 1.0
_AT_ONCE = 64
"""Datagrams of news that are read before anything else gets its turn."""
_BUFFER = 1 << 20
_SO_RCVBUFFORCE = 33
_MAIN_TABLE = 254
_ETHERNET = 1
_FOREVER = 0xFFFFFFFF
_GONE = {errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO, errno.ESRCH}
_NOBODYS = ifa.IFA_F_DEPRECATED | ifa.IFA_F_NOPREFIXROUTE
PROTOCOL = 0x76
"""Who put an address there, for kernels from 5.18 on (IFA_PROTO): the kernel itself has 1 to 3, keepalived 18."""


class Kernel:
    """Two sockets: one asks and waits for the answer, which takes microseconds, the other is told of changes."""

    def __init__(self) -> None:
        self._requests = RoutingSocket()
        self._requests.settimeout(_PATIENCE)
        self._events = RoutingSocket()
        bpf.attach(self._events, bpf.no_renewals())
        self._events.bind((0, rtnl.RTMGRP_LINK | rtnl.RTMGRP_IPV4_IFADDR | rtnl.RTMGRP_IPV6_IFADDR))
        self._events.setblocking(False)
        for option in (socket.SO_RCVBUF, _SO_RCVBUFFORCE):
            with suppress(
                PermissionError
            ):  # beyond the host's limit it takes NET_ADMIN outside a user namespace
                self._events.setsockopt(socket.SOL_SOCKET, option, _BUFFER)

    def fileno(self) -> int:
        """For the event loop: readable when something has changed."""
        return self._events.fileno()

    def add(self, index: int, vip: IPAddress, lease: float) -> None:
        """Puts a VIP on an interface for `lease` seconds (inf: for ever); raises OSError.

        FileExistsError where it is there already. It stands alone, whatever prefix it is written with: it has no
        subnet, which would have a primary address, and no route. It is preferred for no time at all, so that nothing
        takes an IPv6 one as a source address; of IPv4 ones the kernel takes the first that is there.
        """
        self._put(index, vip, lease, netlink.NLM_F_EXCL)

    def renew(self, index: int, vip: IPAddress, lease: float) -> None:
        """Lengthens the life of a VIP that `add` has put there, and puts it there again if need be; raises OSError."""
        self._put(index, vip, lease, netlink.NLM_F_REPLACE)

    def _put(self, index: int, vip: IPAddress, lease: float, flag: int) -> None:
        self._requests.ask(_leased(index, vip, lease, flag))

    def remove(self, index: int, vip: IPAddress) -> bool:
        """Takes a VIP off an interface; False when it was not there; raises OSError.

        It must be one that `add` has put there: the host may have the same address for itself.
        """
        try:
            self._requests.ask(request(_message(index, vip), rtnl.RTM_DELADDR, netlink.NLM_F_ACK))
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise
        return True

    def view(self) -> View:
        """All links and addresses as they are now."""
        found = View({}, {})
        for message, kind in ((ifi.ifinfmsg(), rtnl.RTM_GETLINK), (ifa.ifaddrmsg(), rtnl.RTM_GETADDR)):
            for change in _changes(self._requests.ask(request(message, kind, netlink.NLM_F_DUMP))):
                found.apply(change)
        return found

    def default_routes(self) -> list[DefaultRoute]:
        """Those of the main table that go one way; a route of several paths says nothing of any interface."""
        found = []
        for family, version in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
            message = rt.rtmsg()
            message["family"] = family
            for route in self._requests.ask(request(message, rtnl.RTM_GETROUTE, netlink.NLM_F_DUMP)):
                index = route.get_attr("RTA_OIF")
                plain = (route["dst_len"], route["type"], route["family"]) == (
                    0,
                    rtnl.rt_type["unicast"],
                    family,
                )
                if plain and index is not None and route.get_attr("RTA_TABLE", route["table"]) == _MAIN_TABLE:
                    found.append(DefaultRoute(version, index, route.get_attr("RTA_PRIORITY", 0)))
        return found

    def changes(self) -> list[Change] | None:
        """What has changed since the last call, or the beginning of that; None when too much has: look anew.

        That a deprecated address is there is no news: each renewal of a lease, of any process, says so.
        """
        found: list[Change] = []
        for _ in range(_AT_ONCE):
            try:
                found += _changes(self._events.get())
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._drop()
                return None
        return found

    def _drop(self) -> None:
        """What is older than the view to come: the kernel tells nothing new before all of it is read."""
        while True:
            try:
                self._events.recv(1)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def close(self) -> None:
        """Closes both sockets."""
        self._requests.close()
        self._events.close()


@lru_cache(1024)  # a lease is renewed by the same words each second
def _leased(index: int, vip: IPAddress, lease: float, flag: int) -> bytes:
    message = _message(index, vip)
    lifetime = {"ifa_preferred": 0, "ifa_valid": _FOREVER if math.isinf(lease) else int(lease)}
    flags = ifa.IFA_F_NOPREFIXROUTE | (ifa.IFA_F_NODAD if vip.version == 6 else 0)
    message["attrs"] += [("IFA_CACHEINFO", lifetime), ("IFA_FLAGS", flags), ("IFA_PROTO", PROTOCOL)]
    return request(message, rtnl.RTM_NEWADDR, netlink.NLM_F_ACK | netlink.NLM_F_CREATE | flag)


def _message(index: int, vip: IPAddress) -> ifa.ifaddrmsg:
    message = ifa.ifaddrmsg()
    message["index"], message["prefixlen"] = index, vip.max_prefixlen
    message["family"] = socket.AF_INET if vip.version == 4 else socket.AF_INET6
    message["attrs"] = [("IFA_LOCAL", str(vip)), ("IFA_ADDRESS", str(vip))]
    return message


def _changes(messages: list[nlmsg]) -> list[Change]:
    return [change for message in messages if (change := _change(message)) is not None]


def _change(message: nlmsg) -> Change | None:
    kind = message["header"]["type"]
    if kind in {rtnl.RTM_NEWLINK, rtnl.RTM_DELLINK}:
        return _link(kind == rtnl.RTM_NEWLINK, message)
    if kind in {rtnl.RTM_NEWADDR, rtnl.RTM_DELADDR}:
        return _address(kind == rtnl.RTM_NEWADDR, message)
    return None


def _link(present: bool, message: ifi.ifinfmsg) -> LinkChange | None:
    name = message.get_attr("IFLA_IFNAME")
    # A bridge tells of its ports in messages of its own family, and a radio of its state without a name.
    if message["family"] != socket.AF_UNSPEC or name is None:
        return None
    running = message["flags"] & (ifi.IFF_UP | ifi.IFF_RUNNING) == ifi.IFF_UP | ifi.IFF_RUNNING
    unable = frozenset(flag for flag in UNABLE if message["flags"] & getattr(ifi, f"IFF_{flag}"))
    alternatives = message.get_attr("IFLA_PROP_LIST")
    return LinkChange(
        present,
        message["index"],
        name,
        running,
        unable,
        mac=_mac(message),
        alternatives=frozenset(alternatives.altnames()) if alternatives is not None else frozenset(),
    )


def _mac(message: ifi.ifinfmsg) -> bytes | None:
    """Of an Ethernet interface; others have addresses of other lengths, or none that anybody asks for."""
    text = message.get_attr("IFLA_ADDRESS")
    ethernet = message["ifi_type"] == _ETHERNET and text is not None
    return bytes.fromhex(text.replace(":", "")) if ethernet else None


def _address(present: bool, message: ifa.ifaddrmsg) -> AddressChange | None:
    if message["family"] not in {socket.AF_INET, socket.AF_INET6}:
        return None
    # IFA_LOCAL is the host's own where a link has two ends; IPv6 has it on such links only.
    ip = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    flags = message.get_attr("IFA_FLAGS", message["flags"])
    return AddressChange(
        present,
        message["index"],
        ip_interface(f"{ip}/{message['prefixlen']}"),
        usable=not flags & ifa.IFA_F_TENTATIVE,  # which an address stays that has failed the detection
        primary=not flags & (ifa.IFA_F_SECONDARY | ifa.IFA_F_DEPRECATED),
        ours=_is_ours(message, flags),
    )


def _is_ours(message: ifa.ifaddrmsg, flags: int) -> bool:
    """By its mark; where the kernel is too old to keep that, by what nobody else makes of an address."""
    mark = message.get_attr("IFA_PROTO")
    if mark is not None:
        return bool(mark == PROTOCOL)
    alone = message["prefixlen"] == (32 if message["family"] == socket.AF_INET else 128)
    return bool(alone and flags & _NOBODYS == _NOBODYS)
