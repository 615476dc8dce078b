"""The private directory that keepalived and the agent share: who writes what, and what a dead keepalived left."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from vipalived.vrrp.packet import IPAddress


class Files:
    """Paths below the agent's own directory; it is the reader's business whether they are there."""

    def __init__(self, run_directory: Path) -> None:
        self.directory = run_directory.absolute() / "keepalived"
        self.configuration = self.directory / "keepalived.conf"
        self.candidate = self.directory / "keepalived.conf.next"
        self.fifo = self.directory / "notify.fifo"
        self.track_file = self.directory / "standing"
        self.statistics = self.directory / "keepalived.json"
        self.pid_files = (self.directory / "keepalived.pid", self.directory / "vrrp.pid")
        self._held = self.directory / "addresses"

    def make(self) -> None:
        """The directory, and the FIFO: keepalived would make its own, and take it away at each reload."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self.fifo.unlink(missing_ok=True)
        os.mkfifo(self.fifo, 0o600)

    def write(self, path: Path, text: str) -> None:
        """Whoever reads the file sees it whole; nobody else may read it."""
        beside = path.with_name(f".{path.name}")
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(text, encoding="utf-8")
        beside.rename(path)

    def remember(self, addresses: Iterable[IPAddress]) -> None:
        """What keepalived may put on the interface, for whoever has to take it off again."""
        self.write(self._held, "".join(f"{address}\n" for address in sorted(map(str, addresses))))

    def remembered(self) -> frozenset[IPAddress]:
        """The addresses that an earlier keepalived may have left."""
        try:
            return frozenset(map(ip_address, self._held.read_text(encoding="utf-8").split()))
        except (OSError, ValueError):
            return frozenset()

    def predecessors(self) -> Iterator[int]:
        """The processes of a keepalived that runs with these files."""
        for path in self.pid_files:
            with suppress(OSError, ValueError):
                pid = int(path.read_text(encoding="ascii"))
                # The number may be another program's by now.
                if str(self.configuration).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    yield pid

    def forget_pids(self) -> None:
        """keepalived ends at once, and says 0, when one of these names a process, dead or alive."""
        for path in self.pid_files:
            path.unlink(missing_ok=True)
