"""How long to rest before another try: not at all at first, longer and longer while nothing gets better."""

from __future__ import annotations

from typing import Final

FIRST: Final = 0.5
LONGEST: Final = 10.0
GOOD_RUN: Final = 60.0
"""Seconds after which what was tried counts as having worked."""


class Backoff:
    """`least` is the first rest, in seconds, as all are."""

    def __init__(self, least: float = 0.0) -> None:
        self._least = self._next = least
        self._tried = 0.0

    def rest(self, now: float) -> float:
        """To be taken now, after a failure; the try comes then."""
        if now - self._tried >= GOOD_RUN:
            self._next = self._least
        rest, self._next = self._next, min(max(FIRST, 2 * self._next), LONGEST)
        self._tried = now + rest
        return rest
