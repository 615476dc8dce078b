"""The frames of one interface that carry VRRP, in and out, without joining a group or sending anything."""

from __future__ import annotations

import select
import socket
import struct
import time
from types import TracebackType
from typing import Self

from vipalived.errors import CheckFailed, InvalidSettings, MissingRequirement, PermissionMissing, Problem
from vipalived.net import bpf, clock
from vipalived.observe.reading import Frame

_EVERYTHING = 0x0003  # ETH_P_ALL: of the others none has what this host sends
_SO_TIMESTAMPNS_NEW = 64
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_ALLMULTI = 263, 1, 2
_ARPHRD_ETHER, _ARPHRD_LOOPBACK = 1, 772
_TIMESPEC = struct.Struct("qq")
_LARGEST = 0xFFFF
_ANCILLARY = 256


class Capture:
    """A packet socket. The interface hears every multicast group while it is open, which no other host can notice.

    Raises InvalidSettings for an interface that is not there, PermissionMissing without NET_RAW, and
    MissingRequirement where there is no Ethernet.
    """

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self._index = _index(interface)
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        except PermissionError as error:
            hint = "run it as root, or in a container with the capability NET_RAW added"
            raise PermissionMissing("the kernel refuses raw sockets (NET_RAW)", hint=hint) from error
        try:
            self._open()
        except BaseException:
            self._socket.close()
            raise

    def _open(self) -> None:
        bpf.attach(self._socket, bpf.vrrp())
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS_NEW, 1)
        self._socket.bind((self.interface, _EVERYTHING))
        if self._socket.getsockname()[3] not in {_ARPHRD_ETHER, _ARPHRD_LOOPBACK}:
            raise MissingRequirement(f"`{self.interface}` is no Ethernet interface")
        every_group = struct.pack("=iHH8s", self._index, _PACKET_MR_ALLMULTI, 0, bytes(8))
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, every_group)

    def frames(self, timeout: float) -> list[Frame]:
        """What has come; waits up to `timeout` seconds for the first; raises CheckFailed when the interface is gone."""
        select.select([self._socket], [], [], max(0.0, timeout))
        found: list[Frame] = []
        while True:
            try:
                data, ancillary, _, sender = self._socket.recvmsg(_LARGEST, _ANCILLARY)
            except BlockingIOError:
                return found
            except OSError as error:  # it went down, and may come up again, unless it is gone
                if self.interface not in {name for _, name in socket.if_nameindex()}:
                    raise CheckFailed(f"`{self.interface}` is no longer there") from error
                return found
            found.append(_frame(data, ancillary, ours=sender[2] == socket.PACKET_OUTGOING))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()


def _frame(data: bytes, ancillary: list[tuple[int, int, bytes]], *, ours: bool) -> Frame:
    stamp = time.time_ns()
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS_NEW):
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            stamp = seconds * 10**9 + nanoseconds
    return Frame(data, clock.now() - clock.age(stamp / 1e9), stamp, ours)


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError as error:
        there = ", ".join(f"`{name}`" for _, name in socket.if_nameindex())
        problem = Problem("", f"there is no interface `{interface}`", hint=f"there are {there}")
        raise InvalidSettings((problem,)) from error
