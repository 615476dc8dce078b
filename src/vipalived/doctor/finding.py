"""What an examination yields: one finding for each thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`ERROR`: it cannot work. `WARNING`: it fails some day. `SKIPPED`: not looked at, and `seen` says why."""

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`seen` is what was found, `why` it matters, and `hint` what to do; the last two where something is wrong."""

    check: str
    severity: Severity
    seen: str
    why: str = ""
    hint: str = ""


def ok(check: str, seen: str) -> Finding:
    """All is well."""
    return Finding(check, Severity.OK, seen)


def skipped(check: str, seen: str) -> Finding:
    """Could not be looked at, or need not be."""
    return Finding(check, Severity.SKIPPED, seen)


def warning(check: str, seen: str, why: str, hint: str) -> Finding:
    """Works today."""
    return Finding(check, Severity.WARNING, seen, why, hint)


def error(check: str, seen: str, why: str, hint: str) -> Finding:
    """Does not work."""
    return Finding(check, Severity.ERROR, seen, why, hint)
