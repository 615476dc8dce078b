"""From what a client sent and who answered to what it felt: gaps, blackouts, time without a holder.

Pure arithmetic. Times are integers, nanoseconds of one monotonic clock; a window is half open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

NANOSECONDS_PER_MILLISECOND = 1_000_000
UNDER_WAY = 50 * NANOSECONDS_PER_MILLISECOND
"""A request takes less; and as soon after an address has come the clients have been told by gratuitous ARP."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of time: where it starts and how long it lasts, in nanoseconds."""

    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Datagram:
    """One numbered datagram: when it was sent, and which node answered it, if any did."""

    sent: int
    node: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTPS request: when it began, whether it succeeded, when it ended."""

    sent: int
    succeeded: bool
    ended: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """An address appearing on a node or leaving it."""

    at: int
    node: str
    present: bool


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch in which one node answered everything, or nobody did (`node` is None)."""

    node: str | None
    start: int
    end: int


def milliseconds(nanoseconds: int) -> float:
    """Nanoseconds as milliseconds, to a tenth: more than that is noise."""
    return round(nanoseconds / NANOSECONDS_PER_MILLISECOND, 1)


def runs(datagrams: Sequence[Datagram], end: int) -> list[Run]:
    """Who answered when, by the sending times; `end` closes the last run."""
    found: list[Run] = []
    for datagram in datagrams:
        if found and found[-1].node == datagram.node:
            continue
        if found:
            found[-1] = Run(found[-1].node, found[-1].start, datagram.sent)
        found.append(Run(datagram.node, datagram.sent, datagram.sent))
    if found:
        found[-1] = Run(found[-1].node, found[-1].start, max(end, found[-1].start))
    return found


def gaps(answered: Iterable[Run]) -> list[Stretch]:
    """The stretches in which nothing that was sent was answered.

    A gap starts when its first datagram was sent and ends when the next answered one was.
    """
    return [Stretch(run.start, run.end - run.start) for run in answered if run.node is None]


def longest(stretches: Iterable[Stretch]) -> int:
    """The length of the longest stretch, 0 where there is none."""
    return max((stretch.length for stretch in stretches), default=0)


def stalls(datagrams: Sequence[Datagram], limit: int) -> list[Stretch]:
    """Where the client itself sent nothing for longer than `limit`: its fault, not the VIP's."""
    return [Stretch(a.sent, b.sent - a.sent) for a, b in pairwise(datagrams) if b.sent - a.sent > limit]


def disputed(blackouts: Iterable[Stretch], pauses: Iterable[Stretch]) -> list[Stretch]:
    """The client's own pauses in which a gap begins or ends, which makes its length doubtful."""
    edges = [edge for gap in blackouts for edge in (gap.start, gap.end)]
    return [pause for pause in pauses if any(pause.start <= edge <= pause.end for edge in edges)]


def request_stretch(requests: Iterable[Request], end: int) -> int:
    """The longest stretch without a successful request, by the times they began; 0 if none failed."""
    best, start = 0, None
    for request in sorted(requests, key=lambda request: request.sent):
        if not request.succeeded:
            start = request.sent if start is None else start
        elif start is not None:
            best, start = max(best, request.sent - start), None
    return best if start is None else max(best, end - start)


def recovery(requests: Iterable[Request], since: int, end: int) -> int:
    """How long from `since` until clients are served: until the first answer, or the last gap's end if that is longer.

    Only requests that begin from then on count; all the time until `end` where none of them succeeds.
    """
    later = [request for request in requests if request.sent >= since]
    first = min((request.ended for request in later if request.succeeded), default=end) - since
    return max(first, request_stretch(later, end))


def cut(requests: Iterable[Request], moves: Sequence[int]) -> list[Request]:
    """The requests that failed because they were under way when the address came to another node.

    An address takes no connection along when it moves: the new holder resets it, or the old one's answer has no
    way back. No engine can help that.
    """
    return [
        request
        for request in requests
        if not request.succeeded and any(abs(request.sent - move) <= UNDER_WAY for move in moves)
    ]


def beaten(sightings: Iterable[Sighting], within: int) -> list[str]:
    """The nodes that gave the address up within so many nanoseconds of getting it: another claimed it as well."""
    got: dict[str, int] = {}
    lost: list[str] = []
    for sighting in sorted(sightings, key=lambda sighting: sighting.at):
        if sighting.present:
            got[sighting.node] = sighting.at
        elif sighting.node in got and sighting.at - got.pop(sighting.node) <= within:
            lost.append(sighting.node)
    return lost


def holder_times(holders: Iterable[str], sightings: Iterable[Sighting], window: Stretch) -> tuple[int, int]:
    """How long within the window nobody held the address, and how long two or more nodes did.

    `holders` are the nodes that had it before the first of the sightings.
    """
    current, nobody, several, at = set(holders), 0, 0, window.start
    for sighting in (*sorted(sightings, key=lambda sighting: sighting.at), None):
        until = window.end if sighting is None else min(max(sighting.at, window.start), window.end)
        nobody += until - at if not current else 0
        several += until - at if len(current) > 1 else 0
        at = until
        if sighting is not None:
            (current.add if sighting.present else current.discard)(sighting.node)
    return nobody, several
