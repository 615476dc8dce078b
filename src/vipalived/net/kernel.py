"""The kernel's routing socket: addresses put on and taken off, and what changes on the host's links."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress

from vipalived.net import rtnetlink
from vipalived.net.rtnetlink import Change, Interface, View

_LARGEST = 65536
_PATIENCE = 1.0
_BUFFER = 1 << 20
_SO_RCVBUFFORCE = 33
_GONE = {errno.EADDRNOTAVAIL, errno.ENODEV, errno.ESRCH}


class Kernel:
    """Two sockets: one asks and waits for the answer, which takes microseconds, the other is told of changes."""

    def __init__(self) -> None:
        self._requests = _routing_socket(0)
        self._requests.settimeout(_PATIENCE)
        self._events = _routing_socket(rtnetlink.GROUPS)
        self._events.setblocking(False)
        with suppress(PermissionError):
            self._events.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._sent: dict[tuple[int, Interface, float], bytes] = {}

    def fileno(self) -> int:
        """For the event loop: readable when something has changed."""
        return self._events.fileno()

    def add(self, index: int, address: Interface, lease: float) -> None:
        """Puts an address on an interface, or renews it; raises OSError."""
        key = (index, address, lease)
        if key not in self._sent:
            self._sent[key] = rtnetlink.add_address(*key)
        self._ask(self._sent[key])

    def remove(self, index: int, address: Interface) -> bool:
        """Takes an address off an interface; False when it was not there; raises OSError."""
        try:
            self._ask(rtnetlink.remove_address(index, address))
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise
        return True

    def _ask(self, message: bytes) -> None:
        self._requests.send(message)
        list(rtnetlink.parse(self._requests.recv(_LARGEST)))

    def view(self) -> View:
        """All links and addresses as they are now."""
        found = View({}, {})
        for kind in (rtnetlink.GETLINK, rtnetlink.GETADDR):
            self._requests.send(rtnetlink.dump(kind))
            for change in self._dumped():
                found.apply(change)
        return found

    def _dumped(self) -> Iterator[Change]:
        while True:
            for change in rtnetlink.parse(self._requests.recv(_LARGEST)):
                if change is None:
                    return
                yield change

    def changes(self) -> list[Change] | None:
        """What has changed since the last call; None when too much has, and only a new view will tell."""
        found: list[Change] = []
        while True:
            try:
                data = self._events.recv(_LARGEST)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    return None
                raise
            found += (change for change in rtnetlink.parse(data) if change is not None)

    def close(self) -> None:
        """Closes both sockets."""
        self._requests.close()
        self._events.close()


def _routing_socket(groups: int) -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    sock.bind((0, groups))
    return sock
