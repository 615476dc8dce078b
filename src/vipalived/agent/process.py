"""What the process asks of the kernel for itself: permissions, promptness, and to be the only one."""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Final

from vipalived.agent.plan import Plan
from vipalived.errors import MissingRequirement, PermissionMissing
from vipalived.net.choice import primary_name
from vipalived.net.kernel import Kernel

_RT_PRIORITY: Final = 50
_ROOM: Final = 8
"""So many may begin to wait between two turns of the loop."""
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_HINT = "run it as root, or in a container with the capabilities NET_ADMIN and NET_RAW added"


def require_permissions() -> None:
    """Raises PermissionMissing that names every capability which is missing."""
    missing = list(_missing())
    if missing:
        raise PermissionMissing(f"the kernel refuses {' and '.join(missing)}", hint=_HINT)


def _missing() -> Iterator[str]:
    kernel = Kernel()
    try:
        # There is no interface 0: whoever may change addresses is told so, others are refused before.
        kernel.remove(0, IPv4Address("198.18.0.0"))
    except PermissionError:
        yield "changing addresses (NET_ADMIN)"
    finally:
        kernel.close()
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, 112).close()
    except PermissionError:
        yield "raw sockets (NET_RAW)"


def sweep(plan: Plan) -> None:
    """Takes every VIP off the interface that an agent has put there, unless another instance on this host acts now."""
    place, *_ = places(plan)
    if not place.take_free():
        return
    kernel = Kernel()
    try:
        view = kernel.view()
        link = view.link(plan.interface)
        if link is not None:
            for vip in view.left(link.index, plan.vips):
                kernel.remove(link.index, vip)
    finally:
        kernel.close()
        place.leave()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def be_prompt() -> str | None:
    """Asks for real-time scheduling and locked memory; what was refused, as a sentence, if anything was."""
    refused = []
    try:
        # Children, which read settings, must not inherit it.
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(_RT_PRIORITY))
    except OSError:
        refused.append("real-time scheduling (SYS_NICE)")
    if _libc().mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        refused.append("locked memory (IPC_LOCK)")
    return f"running without {' and '.join(refused)}: a busy machine may delay it" if refused else None


def settle() -> None:
    """The start is over: what it made stays, and need not be looked through again for garbage."""
    gc.collect()
    gc.freeze()


def place_name(interface: str, vrid: int, family: int) -> str:
    """Of the socket that a `Place` is."""
    return f"\0vipalived/{interface}/{vrid}/ipv{family}"


def places(plan: Plan) -> list[Place]:
    """One for each family, by whatever name the values call the interface.

    In one order, whatever the order of the VIPs: two that wait for each other would do so for ever.
    """
    interface = primary_name(plan.interface)
    return [
        Place(interface, plan.vrid, family) for family in sorted(member.family for member in plan.members)
    ]


class Crowded(Exception):
    """So many wait for a place that there is no room for one more; there may be later."""


class Place:
    """The right to be a virtual router on an interface; the kernel gives it back when the process ends.

    An abstract Unix socket belongs to the network namespace, as the interface does. Nothing here waits.
    """

    def __init__(self, interface: str, vrid: int, family: int) -> None:
        self._name = place_name(interface, vrid, family)
        self._socket: socket.socket | None = None

    def fileno(self) -> int:
        """For an event loop: readable when somebody begins to wait for the place that is ours."""
        return self._socket.fileno() if self._socket is not None else -1

    def take_free(self) -> bool:
        """Whether it is ours now; who has it learns nothing of us."""
        if self._socket is not None:
            return True
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            taken.bind(self._name)
            taken.listen(_ROOM)
        except OSError:
            taken.close()
            return False
        self._socket = taken
        return True

    def take(self) -> socket.socket | None:
        """None when it is ours now; else a connection that ends when the one before us does. Raises Crowded."""
        return None if self.take_free() else self._predecessor()

    def _predecessor(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._name)
        except ConnectionRefusedError:
            connection.close()
            return self.take()
        except BlockingIOError as error:
            connection.close()
            raise Crowded from error
        except OSError as error:
            connection.close()
            raise MissingRequirement(f"cannot wait for another instance: {error.strerror}") from error
        return connection

    def waiting(self) -> Iterator[tuple[socket.socket, bool]]:
        """Connections of those who wait; and whether each is of this process's user, as anybody may connect."""
        while self._socket is not None:
            try:
                one, _ = self._socket.accept()
            except OSError:
                return
            one.setblocking(False)
            yield one, _user(one) == os.geteuid()

    def leave(self) -> None:
        """Gives it back."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def _user(connection: socket.socket) -> int:
    """Who is at the other end."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(user)
