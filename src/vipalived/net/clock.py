"""The clock of the engine: it never jumps, and it goes on while the machine is suspended.

After a suspension another node holds the addresses. CLOCK_MONOTONIC would hide that.
"""

from __future__ import annotations

import time


def now() -> float:
    """Seconds since the machine started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def age(realtime: float) -> float:
    """How many seconds ago a moment of the wall clock was; a jump of that clock must not count as negative."""
    return max(0.0, time.time() - realtime)
