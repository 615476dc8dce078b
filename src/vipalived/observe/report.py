"""One moment of a segment as plain values: what is shown, and what programs read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vipalived.observe.findings import Finding, find
from vipalived.observe.speakers import Refused, Speaker, Speakers


@dataclass(frozen=True, slots=True)
class Report:
    """The table and what is wrong. `time` is in seconds since 1970, `listened` in seconds."""

    interface: str
    time: float
    listened: float
    speakers: tuple[Speaker, ...]
    refused: tuple[Refused, ...]
    findings: tuple[Finding, ...]

    @property
    def gist(self) -> object:
        """What makes two reports different: not that time has passed, and one more packet of the same kind come."""
        rows = (
            (
                (row.vrid, row.version, row.address, row.mac, row.state, row.priority, row.interval),
                (row.vips, row.authentication, row.password, tuple(fault.reason for fault in row.faults)),
            )
            for row in self.speakers
        )
        refused = ((one.mac, one.source, one.reason) for one in self.refused)
        findings = ((found.kind, found.vrid, found.family, found.addresses) for found in self.findings)
        return tuple(rows), tuple(refused), tuple(findings)

    def to_json(self) -> dict[str, Any]:
        """For `-o json`: addresses as text, no password."""
        return {
            "interface": self.interface,
            "time": round(self.time, 3),
            "listened": round(self.listened, 3),
            "speakers": [_row(row) for row in self.speakers],
            "rubbish": [
                {
                    "address": None if one.source is None else str(one.source),
                    "mac": one.mac,
                    "reason": one.reason,
                    "count": one.count,
                    "age": round(one.age, 3),
                }
                for one in self.refused
            ],
            "warnings": [
                {
                    "kind": found.kind,
                    "vrid": found.vrid,
                    "family": found.family,
                    "addresses": [str(address) for address in found.addresses],
                    "message": found.message,
                    "hint": found.hint,
                }
                for found in self.findings
            ],
        }


def report(
    heard: Speakers, interface: str, now: float, time: float, listened: float, *, complete: bool = True
) -> Report:
    """What is known at `now` on the engine's clock, which is `time` on the wall's.

    `complete` says that whoever speaks has had the time to.
    """
    rows, refused = heard.rows(now), heard.refused(now)
    findings = find(rows, refused, complete=complete)
    return Report(interface, time, listened, tuple(rows), tuple(refused), tuple(findings))


def _row(row: Speaker) -> dict[str, Any]:
    return {
        "vrid": row.vrid,
        "family": row.family,
        "version": row.version,
        "address": str(row.address),
        "mac": row.mac,
        "this_host": row.ours,
        "state": row.state,
        "priority": row.priority,
        "interval": row.interval,
        "measured_interval": None if row.measured is None else round(row.measured, 6),
        "vips": [str(vip) for vip in row.vips],
        "authentication": row.authentication or "none",
        "destination": str(row.destination),
        "ttl": row.ttl,
        "adverts": row.adverts,
        "age": round(row.age, 3),
        "jitter": None if row.jitter is None else round(row.jitter, 6),
        "faults": {fault.reason: fault.count for fault in row.faults},
    }
