"""What was heard so far, as a table of the speakers: pure, with the time handed in.

Moments are seconds on the engine's clock; ages are what is shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Final, Protocol, TypeVar

from vipalived.observe.reading import Heard, Rubbish
from vipalived.vrrp.packet import AuthType, Discard, IPAddress
from vipalived.vrrp.timers import Version, master_down_interval

FORGOTTEN: Final = 600.0
"""Seconds after which a silent speaker leaves the table."""
_MOST = 256
"""Speakers, and sources of rubbish: who makes up addresses must not fill the memory."""
_INTERVALS = 3
_USUAL_INTERVAL = 1.0
_GAPS = 10

_Key = TypeVar("_Key")


class State(StrEnum):
    """What a speaker is, as far as can be heard: Backups say nothing."""

    MASTER = "MASTER"
    RESIGNED = "RESIGNED"
    """Its last advertisement had priority 0."""
    SILENT = "SILENT"
    """Not heard for a Master_Down_Interval."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a speaker's packets are wrong; `age` is the last one's."""

    reason: Discard
    count: int
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One row: the last advertisement of a sender in a virtual router.

    Seconds. Of the last ten gaps between its advertisements, `measured` is the median, and `jitter` by how much the
    worst one was off the interval that it announces. It has advertised from `since` to `last` without a pause.
    """

    vrid: int
    family: int
    version: Version
    address: IPAddress
    mac: str
    ours: bool
    state: State
    priority: int
    interval: float
    measured: float | None
    vips: tuple[IPAddress, ...]
    authentication: AuthType | None
    password: bytes = field(repr=False)
    destination: IPAddress
    ttl: int
    adverts: int
    age: float
    jitter: float | None
    since: float
    last: float
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Packets of IP protocol 112 that are no advertisements; `age` is the last one's."""

    mac: str
    source: IPAddress | None
    reason: Discard
    count: int
    age: float


class _Dated(Protocol):
    @property
    def last(self) -> float: ...


_Entry = TypeVar("_Entry", bound=_Dated)


@dataclass(slots=True)
class _Tally:
    last: float
    count: int = 0

    def add(self, at: float) -> None:
        self.count, self.last = self.count + 1, at


@dataclass(slots=True)
class _History:
    """One speaker's; `regular` is when it last advertised on schedule."""

    heard: Heard
    since: float
    regular: float
    adverts: int = 0
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=_GAPS))
    faults: dict[Discard, _Tally] = field(default_factory=dict)

    @property
    def last(self) -> float:
        return self.heard.arrived

    def add(self, heard: Heard) -> None:
        before = self.heard
        if self.state(heard.arrived) is not State.MASTER:
            self.since = self.regular = heard.arrived
            self.gaps.clear()
        elif before.advertisement.interval != heard.advertisement.interval:
            self.regular = heard.arrived
            self.gaps.clear()
        elif heard.advertisement.priority:
            self._measure(heard.arrived, heard.advertisement.interval)
        self.count(heard)

    def count(self, heard: Heard) -> None:
        self.heard = heard
        self.adverts += 1
        for reason in heard.faults:
            self.faults.setdefault(reason, _Tally(heard.arrived)).add(heard.arrived)

    def _measure(self, arrived: float, interval: float) -> None:
        """Answers to other claims come between two advertisements, and do not move the next one."""
        gap = arrived - self.regular
        if gap >= interval / 2:
            self.gaps.append(gap - interval)
            self.regular = arrived

    def state(self, now: float) -> State:
        advertisement = self.heard.advertisement
        # Whoever says 0 means something all the same.
        interval = advertisement.interval or _USUAL_INTERVAL
        patience = master_down_interval(advertisement.priority, interval, advertisement.version)
        if advertisement.priority == 0:
            return State.RESIGNED
        return State.MASTER if now - self.last <= patience else State.SILENT

    def row(self, now: float) -> Speaker:
        heard, advertisement = self.heard, self.heard.advertisement
        return Speaker(
            vrid=advertisement.vrid,
            family=heard.source.version,
            version=advertisement.version,
            address=heard.source,
            mac=heard.mac,
            ours=heard.ours,
            state=self.state(now),
            priority=advertisement.priority,
            interval=advertisement.interval,
            measured=advertisement.interval + median(self.gaps) if self.gaps else None,
            vips=advertisement.addresses,
            authentication=heard.authentication,
            password=heard.password,
            destination=heard.destination,
            ttl=heard.ttl,
            adverts=self.adverts,
            age=max(0.0, now - self.last),
            jitter=max(map(abs, self.gaps), default=None),
            since=self.since,
            last=self.last,
            faults=tuple(
                Fault(reason, tally.count, max(0.0, now - tally.last))
                for reason, tally in self.faults.items()
            ),
        )


class Speakers:
    """Everybody heard within the last ten minutes. Who speaks from two MAC addresses is two speakers."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, Version, IPAddress, str], _History] = {}
        self._refused: dict[tuple[str, IPAddress | None, Discard], _Tally] = {}

    def hear(self, packet: Heard | Rubbish) -> None:
        """Takes a packet in; they must come in the order of time."""
        if isinstance(packet, Rubbish):
            key = (packet.mac, packet.source, packet.reason)
            _entry(self._refused, key, lambda: _Tally(packet.arrived)).add(packet.arrived)
            return
        advertisement = packet.advertisement
        who = (advertisement.vrid, advertisement.version, packet.source, packet.mac)
        if who in self._known:
            self._known[who].add(packet)
        else:
            _entry(
                self._known, who, lambda: _History(packet, since=packet.arrived, regular=packet.arrived)
            ).count(packet)

    @property
    def patience(self) -> float:
        """Seconds in which everybody has spoken at least once: three of the longest intervals heard."""
        heard = (history.heard.advertisement.interval for history in self._known.values())
        return _INTERVALS * max([_USUAL_INTERVAL, *heard])

    def rows(self, now: float) -> list[Speaker]:
        """The table, by virtual router and address; forgets who has been silent for long."""
        self._known = {who: known for who, known in self._known.items() if now - known.last <= FORGOTTEN}
        rows = (history.row(now) for history in self._known.values())
        return sorted(rows, key=lambda row: (row.vrid, row.family, row.version, row.address.packed, row.mac))

    def refused(self, now: float) -> list[Refused]:
        """The rubbish, by sender."""
        self._refused = {who: tally for who, tally in self._refused.items() if now - tally.last <= FORGOTTEN}
        found = (
            Refused(*who, tally.count, max(0.0, now - tally.last)) for who, tally in self._refused.items()
        )
        return sorted(found, key=lambda one: (one.mac, str(one.source), one.reason))


def _entry(entries: dict[_Key, _Entry], key: _Key, make: Callable[[], _Entry]) -> _Entry:
    """The entry of that key, made if need be; when there are too many, the one heard longest ago goes."""
    if key not in entries:
        if len(entries) >= _MOST:
            del entries[min(entries, key=lambda known: entries[known].last)]
        entries[key] = make()
    return entries[key]
