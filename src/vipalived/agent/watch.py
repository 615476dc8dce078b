"""Files whose contents may change under a running agent, as Kubernetes changes a mounted ConfigMap.

Kubernetes swaps a symbolic link in the directory, an editor renames a new file over the old one: both are seen
by watching the directories. What counts is what the files say, not that something happened beside them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from asyncinotify import Inotify, Mask

_CHANGES: Final = Mask.CREATE | Mask.MOVED_TO | Mask.CLOSE_WRITE | Mask.DELETE
_CALM: Final = 0.1
"""Seconds without news before the files are looked at: a change is several events."""


async def watch(files: Sequence[Path], changed: Callable[[], None]) -> None:
    """Calls `changed` whenever the files say something else than before, for ever; raises OSError at the start."""
    known = _fingerprint(files)
    with Inotify() as inotify:
        for directory in {file.absolute().parent for file in files}:
            inotify.add_watch(directory, _CHANGES)
        while True:
            await inotify.get()
            await _calm(inotify)
            if (found := _fingerprint(files)) != known:
                known = found
                changed()


async def _calm(inotify: Inotify) -> None:
    while True:
        try:
            await asyncio.wait_for(inotify.get(), _CALM)
        except TimeoutError:
            return


def _fingerprint(files: Sequence[Path]) -> list[bytes | None]:
    return [_digest(file) for file in files]


def _digest(file: Path) -> bytes | None:
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return None
