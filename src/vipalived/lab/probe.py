"""The client: one numbered datagram a millisecond to the VIP, and who answered it.

    python -m vipalived.lab.probe ADDRESS PORT FILE NODE...

It writes into FILE, which the lab has mapped as well, one record of three integers per datagram:
when it was sent, when it was answered (0: never), and by which of the nodes. SIGTERM ends it after
a last wait for answers on their way.
"""

from __future__ import annotations

import mmap
import select
import signal
import socket
import struct
import sys
import time
from bisect import bisect_left
from contextlib import suppress
from pathlib import Path

from vipalived.lab.measure import Datagram

PERIOD = 1_000_000
CAPACITY = 600_000
"""Ten minutes of datagrams; a trial never takes that long."""
FIELDS = 3
_SEQUENCE = struct.Struct("!Q")
_LAST_WAIT = 100_000_000


class Record:
    """The file that the client writes and the lab reads while it grows."""

    def __init__(self, path: Path, nodes: tuple[str, ...], *, create: bool = False) -> None:
        with path.open("w+b" if create else "r+b") as file:
            if create:
                file.truncate(CAPACITY * FIELDS * 8)
            self._map = mmap.mmap(file.fileno(), 0)
        self.cells = memoryview(self._map).cast("q")
        self.nodes = nodes

    def __len__(self) -> int:
        """How many datagrams were sent."""
        return bisect_left(range(CAPACITY), True, key=lambda index: not self.cells[index * FIELDS])

    def between(self, start: int, end: int) -> list[Datagram]:
        """The datagrams sent from `start` until before `end`."""
        cells = (self.cells[index : index + FIELDS].tolist() for index in self._indices(start, end))
        return [Datagram(sent, self.nodes[node] if answered else None) for sent, answered, node in cells]

    def answered_since(self, start: int, end: int) -> bool:
        """Whether everything sent from `start` until before `end` was answered, and something was."""
        indices = self._indices(start, end)
        return bool(indices) and all(self.cells[index + 1] for index in reversed(indices))

    def _indices(self, start: int, end: int) -> range:
        """Where in the cells the records of that time begin; they are in the order of sending."""
        number = len(self)
        sent = self.cells[: number * FIELDS : FIELDS]
        low, high = bisect_left(sent, start), bisect_left(sent, end)
        return range(low * FIELDS, high * FIELDS, FIELDS)

    def close(self) -> None:
        """Gives the memory back."""
        self.cells.release()
        self._map.close()


class _Client:
    def __init__(self, address: str, port: int, record: Record) -> None:
        self.target, self.record = (address, port), record
        self.names = {name.encode(): index for index, name in enumerate(record.nodes)}
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.stopped = False

    def send(self, number: int) -> None:
        self.record.cells[number * FIELDS] = time.monotonic_ns()
        # A full queue or a host that nobody knows the way to: the datagram is lost, as it would be.
        with suppress(OSError):
            self.socket.sendto(_SEQUENCE.pack(number), self.target)

    def receive(self, until: int) -> None:
        """Takes answers in until the moment has come."""
        while (left := until - time.monotonic_ns()) > 0:
            if not select.select([self.socket], [], [], left / 1e9)[0]:
                return
            with suppress(OSError):
                data, sender = self.socket.recvfrom(256)
                if sender[0] == self.target[0]:  # the address that was asked, or it is no answer
                    cell = _SEQUENCE.unpack_from(data)[0] * FIELDS
                    self.record.cells[cell + 2] = self.names[data[_SEQUENCE.size :]]
                    self.record.cells[cell + 1] = time.monotonic_ns()

    def run(self) -> None:
        due = time.monotonic_ns()
        for number in range(CAPACITY):
            if self.stopped:
                break
            self.send(number)
            # Whoever is late does not catch up in a burst: the schedule starts again from now.
            due = max(due + PERIOD, time.monotonic_ns())
            self.receive(due)
        self.receive(time.monotonic_ns() + _LAST_WAIT)

    def stop(self, *_: object) -> None:
        self.stopped = True


def main() -> None:
    """Sends until SIGTERM."""
    address, port, path, *nodes = sys.argv[1:]
    client = _Client(address, int(port), Record(Path(path), tuple(nodes)))
    signal.signal(signal.SIGTERM, client.stop)
    client.run()


if __name__ == "__main__":
    main()
