"""What is wrong on a segment, read off the table of its speakers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from vipalived.observe.speakers import Refused, Speaker, State
from vipalived.vrrp.packet import AuthType, Discard, IPAddress

RECENT: Final = 60.0
"""Seconds for which something that was heard once is worth a warning."""
_OVERLAP: Final = 0.75
"""A takeover has two speakers for milliseconds; two Masters have each advertised again an interval later. The rest
of the interval is for the jitter of a busy host."""
_SHOWN = 4


class Kind(StrEnum):
    """What can be wrong."""

    NOBODY = "nobody"
    NO_MASTER = "no-master"
    TWO_MASTERS = "two-masters"
    COLLISION = "vrid-collision"
    TWO_VRIDS = "two-vrids"
    VIPS = "vips-differ"
    INTERVALS = "intervals-differ"
    AUTHENTICATION = "authentication-differs"
    FAULT = "faulty-packets"
    RUBBISH = "rubbish"


@dataclass(frozen=True, slots=True)
class Finding:
    """A warning: its sentence, what to do, and whom it is about; `vrid` and `family` are None for the segment."""

    kind: Kind
    message: str
    hint: str
    vrid: int | None = None
    family: int | None = None
    addresses: tuple[IPAddress, ...] = ()


_HINTS: Final = {
    Kind.NOBODY: "is this the right interface, and is it up? Backups are silent, so one Master must be running",
    Kind.NO_MASTER: "no node takes over: look at the daemons of its nodes",
    Kind.TWO_MASTERS: "they do not hear or do not accept each other: look for a partition, a firewall that drops IP "
    "protocol 112, and for differing authentication or VIPs",
    Kind.COLLISION: "give one of them another `virtualRouterId`, or all nodes of one virtual router the same values",
    Kind.TWO_VRIDS: "give all nodes the same `virtualRouterId`, or one of the clusters another VIP",
    Kind.VIPS: "give all nodes the same VIPs: keepalived refuses advertisements with others than its own",
    Kind.INTERVALS: "give all nodes the same `advertInt`: under VRRPv2 they refuse each other",
    Kind.AUTHENTICATION: "give all nodes the same `authentication`: they refuse each other",
    Kind.FAULT: "other routers refuse these packets, and take over from their sender",
    Kind.RUBBISH: "find the sender; CARP (pf, ucarp) has the same protocol number",
}
_FAULTS: Final = {
    Discard.DESTINATION: "go to {one.destination}, which is no group of VRRP",
    Discard.TTL: "arrive with {hops} {one.ttl} instead of 255",
    Discard.CHECKSUM: "have a wrong checksum",
    Discard.AUTH_TYPE: "name an authentication that they do not have",
    Discard.SPI: "have another security parameter index than the sender's address",
    Discard.INTERVAL_ZERO: "have an interval of 0",
}


def find(rows: Sequence[Speaker], refused: Sequence[Refused], *, complete: bool = True) -> list[Finding]:
    """Everything that is wrong, by virtual router; what was heard long ago is no longer held against anybody.

    `complete` says that whoever speaks has had the time to.
    """
    groups = defaultdict(list)
    for row in rows:
        groups[row.vrid, row.family].append(row)
    found = [finding for group in groups.values() for finding in _of_one(group)]
    found += _shared_vips(rows)
    found += _faults(rows)
    found += (
        Finding(Kind.RUBBISH, _rubbish(one), _HINTS[Kind.RUBBISH], addresses=_known(one.source))
        for one in refused
        if one.age <= RECENT
    )
    if complete and not rows:
        found.insert(0, Finding(Kind.NOBODY, "nobody advertises", _HINTS[Kind.NOBODY]))
    return found


def _of_one(group: list[Speaker]) -> Iterator[Finding]:
    """Of one virtual router and family."""
    recent = [
        row for row in group if row.state is State.MASTER or (row.age <= RECENT and _current(row, group))
    ]
    if not any(row.state is State.MASTER for row in group):
        # After priority 0 a successor has its Skew_Time, which Master_Down_Interval covers.
        last = min(group, key=lambda row: row.age)
        if last.state is State.SILENT or last.age > 3 * last.interval:
            message = f"{_router(last)} has no Master: {last.address} was the last one, {last.age:.1f} s ago"
            yield _finding(Kind.NO_MASTER, message, [last])
    parts = _parts(recent)
    if len(parts) > 1:
        yield _collision(parts)
    for part in parts:
        yield from _two_masters(part)
        yield from _differences(part)


def _current(row: Speaker, group: list[Speaker]) -> bool:
    """Whether it is the last that was heard of this node, which may speak another version since."""
    return not any(other.address == row.address and other.age < row.age for other in group)


def _parts(rows: list[Speaker]) -> list[list[Speaker]]:
    """Who can be one virtual router: the same version, and VIPs in common with another one of the part."""
    parts: list[list[Speaker]] = []
    for row in rows:
        near: list[Speaker] = []
        far: list[list[Speaker]] = []
        for part in parts:
            if any(_akin(row, other) for other in part):
                near += part
            else:
                far.append(part)
        parts = [*far, [*near, row]]
    return parts


def _akin(one: Speaker, other: Speaker) -> bool:
    return one.version == other.version and not set(one.vips).isdisjoint(other.vips)


def _collision(parts: list[list[Speaker]]) -> Finding:
    rows = [row for part in parts for row in part]
    uses = ", ".join(f"{_names(part)} (VRRPv{part[0].version}, {_vips(part[0])})" for part in parts)
    return _finding(Kind.COLLISION, f"{_router(rows[0])} is used in {len(parts)} ways: by {uses}", rows)


def _two_masters(part: list[Speaker]) -> Iterator[Finding]:
    masters = [row for row in part if row.state is State.MASTER]
    overlapping = {row for pair in combinations(masters, 2) if _overlap(*pair) for row in pair}
    if overlapping:
        both = [row for row in masters if row in overlapping]
        names = _names(both, priorities=True)
        yield _finding(Kind.TWO_MASTERS, f"{_router(both[0])} has {len(both)} Masters: {names}", both)


def _overlap(one: Speaker, other: Speaker) -> bool:
    both = min(one.last, other.last) - max(one.since, other.since)
    return both > 0 and both >= _OVERLAP * max(one.interval, other.interval)


def _differences(part: list[Speaker]) -> Iterator[Finding]:
    yield from _differ(part, Kind.VIPS, "VIPs", lambda row: frozenset(row.vips), _vips)
    yield from _differ(
        part, Kind.INTERVALS, "intervals", lambda row: row.interval, lambda row: f"{row.interval:g} s"
    )
    yield from _differ(
        part, Kind.AUTHENTICATION, "kinds of authentication", lambda row: row.authentication, _kind
    )
    with_password = [row for row in part if row.authentication is AuthType.PASS]
    yield from _differ(with_password, Kind.AUTHENTICATION, "passwords", lambda row: row.password, None)


def _differ(
    part: list[Speaker],
    kind: Kind,
    what: str,
    key: Callable[[Speaker], Hashable],
    show: Callable[[Speaker], str] | None,
) -> Iterator[Finding]:
    """The nodes of one virtual router do not agree; without `show` it is not said on what."""
    camps = defaultdict(list)
    for row in part:
        camps[key(row)].append(row)
    if len(camps) > 1:
        said = (_names(camp) + (f" ({show(camp[0])})" if show else "") for camp in camps.values())
        yield _finding(kind, f"the {what} of {_router(part[0])} differ: {', '.join(said)}", part)


def _shared_vips(rows: Sequence[Speaker]) -> Iterator[Finding]:
    """One VIP of Masters of two virtual routers."""
    masters = defaultdict(list)
    for row in rows:
        for vip in dict.fromkeys(row.vips) if row.state is State.MASTER else ():
            masters[vip].append(row)
    for vip, users in masters.items():
        vrids = dict.fromkeys(row.vrid for row in users)
        if len(vrids) > 1:
            uses = ", ".join(f"{row.vrid} ({row.address})" for row in users)
            message = f"{vip} is a VIP of {len(vrids)} virtual routers: {uses}"
            yield Finding(Kind.TWO_VRIDS, message, _HINTS[Kind.TWO_VRIDS], addresses=_addresses(users))


def _faults(rows: Sequence[Speaker]) -> Iterator[Finding]:
    for row in rows:
        hops = "TTL" if row.family == 4 else "hop limit"
        for fault in row.faults:
            if fault.age <= RECENT:
                how = _FAULTS[fault.reason].format(one=row, hops=hops)
                message = (
                    f"{fault.count} of {row.adverts} advertisements of {row.address} for {_router(row)} {how}"
                )
                yield _finding(Kind.FAULT, message, [row])


def _rubbish(one: Refused) -> str:
    sender = f"{one.source} ({one.mac})" if one.source is not None else one.mac
    return f"{sender} sent {one.count} x what is no advertisement: {one.reason}"


def _known(address: IPAddress | None) -> tuple[IPAddress, ...]:
    return () if address is None else (address,)


def _finding(kind: Kind, message: str, rows: Sequence[Speaker]) -> Finding:
    return Finding(kind, message, _HINTS[kind], rows[0].vrid, rows[0].family, _addresses(rows))


def _addresses(rows: Iterable[Speaker]) -> tuple[IPAddress, ...]:
    return tuple(dict.fromkeys(row.address for row in rows))


def _router(row: Speaker) -> str:
    return f"virtual router {row.vrid} (IPv{row.family})"


def _names(rows: Sequence[Speaker], *, priorities: bool = False) -> str:
    """Their addresses; with their MAC addresses where two have one address."""
    alone = len({row.address for row in rows}) == len(rows)
    names = [str(row.address) if alone else f"{row.address} ({row.mac})" for row in rows]
    if priorities:
        names = [f"{name} with priority {row.priority}" for name, row in zip(names, rows, strict=True)]
    return " and ".join(names)


def _vips(row: Speaker) -> str:
    more = len(row.vips) - _SHOWN
    shown = [*map(str, row.vips[:_SHOWN]), *([f"{more} more"] if more > 0 else [])]
    return " ".join(shown)


def _kind(row: Speaker) -> str:
    return str(row.authentication or "none")
