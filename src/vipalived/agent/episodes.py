"""What goes on and on is told once: when it begins, and again only after it has been away for a minute."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

_QUIET: Final = 60.0
_KNOWN: Final = 32
"""Anybody on the segment can invent senders; so many conditions are remembered."""
_AT_ONCE: Final = 5
"""And so many are told within a minute."""


class Episodes(Struct):
    """Signs of a condition in, beginnings out; seconds of one clock."""

    _seen: dict[str, float] = field(default_factory=dict)
    _begun: list[float] = field(default_factory=list)

    def begins(self, about: str, now: float) -> bool:
        """There is a sign of this; True when it is to be told."""
        last = self._seen.pop(about, None)
        self._seen[about] = now
        if len(self._seen) > _KNOWN:
            del self._seen[next(iter(self._seen))]
        if last is not None and now - last <= _QUIET:
            return False
        self._begun = [at for at in self._begun if now - at <= _QUIET]
        if len(self._begun) >= _AT_ONCE:
            return False
        self._begun.append(now)
        return True
