"""When somebody else who claims a VIP is a second holder, and for how long: single claims are not news.

Elections and returning nodes make a claim or two within milliseconds. Who claims again half a second later,
while this node is still Master, holds the address.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_AGAIN: Final = 0.5
_QUIET: Final = 10.0
"""An episode is over when nothing has been heard for so long: twice the time between two questions."""


class Rivals(Struct):
    """Claims in, episodes out. Seconds are counted up to the last claim, so that they never shrink."""

    episodes: int = 0
    past_seconds: float = 0.0
    who: str = ""
    address: str = ""
    first: float = 0.0
    last: float = 0.0
    claimed: bool = False
    proven: bool = False

    def claim(self, address: str, who: str, now: float) -> bool:
        """Somebody claims a VIP; True when that makes it an episode."""
        if not self.claimed:
            self.claimed, self.first, self.address, self.who = True, now, address, who
        self.last = now
        if self.proven or now - self.first < _AGAIN:
            return False
        self.proven = True
        self.episodes += 1
        return True

    def quiet(self, now: float) -> bool:
        """Whether the last claim is too long ago to count."""
        return self.claimed and now - self.last > _QUIET

    def end(self) -> float | None:
        """No more of it; how long the episode was, if it was one."""
        seconds = self.last - self.first if self.proven else None
        self.past_seconds += seconds or 0.0
        self.claimed = self.proven = False
        return seconds

    @property
    def seconds(self) -> float:
        """Of all episodes, with the present one."""
        return self.past_seconds + (self.last - self.first if self.proven else 0.0)
