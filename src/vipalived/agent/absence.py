"""A release that has an end outlasts the process: the moment is in a file of the run directory."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from vipalived.net import clock

_FILE: Final = "released-until"
LONGEST: Final = 365 * 86400


def remember(directory: Path, until: float | None) -> None:
    """Keep the end of a release, a moment of the engine's clock; without one (None, inf) there is nothing to keep."""
    file = directory / _FILE
    # Where the directory cannot be written, the release lasts as long as the process.
    with suppress(OSError):
        if until is None or math.isinf(until):
            file.unlink(missing_ok=True)
            return
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{time.time() + until - clock.now():.3f}\n")
        fresh.replace(file)


def remembered(directory: Path) -> float | None:
    """When the release of an earlier process ends, by the engine's clock; None when it has, or there is none."""
    try:
        left = float((directory / _FILE).read_text()) - time.time()
    except (OSError, ValueError):
        return None
    # The wall clock may have been set meanwhile; nobody can have asked for more.
    return clock.now() + left if 0 < left <= LONGEST else None
