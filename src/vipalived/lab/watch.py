"""Which node holds the VIP, and since when: address events of every node, with the time they came.

    python -m vipalived.lab.watch ADDRESS NAMESPACE...

As a process of its own it prints one line per event: the time, the number of the namespace, and 1 or 0.
`HolderWatch` is the lab's end of that pipe.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from vipalived.lab.measure import Sighting

_UNUSABLE = 0x40 | 0x08  # IFA_F_TENTATIVE, IFA_F_DADFAILED


class HolderWatch:
    """The holders of an address: now, and every change so far."""

    def __init__(self, address: IPv4Address | IPv6Address, namespaces: Mapping[str, Path]) -> None:
        from vipalived.lab.sandbox import python

        self._nodes = tuple(namespaces)
        self._sightings: list[Sighting] = []
        self._lock = threading.Lock()
        words = [str(address), *map(str, namespaces.values())]
        self._process = subprocess.Popen(
            python("-m", "vipalived.lab.watch", *words),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for _ in namespaces:  # one line from each says that it is watched
            self._process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
        self._reader = threading.Thread(target=self._read, name="holder-watch", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        holders: set[str] = set()
        for line in self._process.stdout or ():
            at, index, present = map(int, line.split())
            sighting = Sighting(at, self._nodes[index], bool(present))
            # An address with a lifetime is renewed again and again, which changes nothing.
            if present == (sighting.node in holders):
                continue
            (holders.add if present else holders.discard)(sighting.node)
            with self._lock:
                self._sightings.append(sighting)

    def end(self) -> None:
        """Watches no longer; what it has seen stays."""
        self._process.kill()
        self._reader.join()
        self._process.communicate()

    @property
    def alive(self) -> bool:
        """Whether events are still being read."""
        return self._process.poll() is None

    def sightings(self) -> list[Sighting]:
        """Every change so far, oldest first."""
        with self._lock:
            return sorted(self._sightings, key=lambda sighting: sighting.at)

    def holders(self, at: int | None = None) -> frozenset[str]:
        """The nodes that hold the address, now or just before the moment `at`."""
        holders: set[str] = set()
        for sighting in self.sightings():
            if at is None or sighting.at < at:
                (holders.add if sighting.present else holders.discard)(sighting.node)
        return frozenset(holders)


async def _watch(index: int, namespace: str, address: str) -> None:
    from pyroute2 import AsyncIPRoute
    from pyroute2.netlink.rtnl import RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR

    async with AsyncIPRoute(netns=namespace) as route:
        await route.bind(groups=RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)
        print(f"watching {index}", flush=True)  # noqa: T201
        while True:
            async for message in route.get():
                _report(index, address, message)


def _report(index: int, address: str, message: Any) -> None:
    now = time.monotonic_ns()
    if message.get("event") not in {"RTM_NEWADDR", "RTM_DELADDR"}:
        return
    if address in {message.get_attr("IFA_LOCAL"), message.get_attr("IFA_ADDRESS")}:
        usable = message["event"] == "RTM_NEWADDR" and not message["flags"] & _UNUSABLE
        print(now, index, int(usable), flush=True)  # noqa: T201


async def _main(address: str, *namespaces: str) -> None:
    await asyncio.gather(*(_watch(index, name, address) for index, name in enumerate(namespaces)))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
