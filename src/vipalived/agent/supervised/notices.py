"""What keepalived tells of its state: lines in a FIFO.

It says nothing when it is killed; that its process has ended is for others to see.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(r'((?:INSTANCE|GROUP) "[^"]*") (\w+) (\d+)')
_BLOCK: Final = 4096


@dataclass(frozen=True, slots=True)
class Notice:
    """`subject` as in `INSTANCE "VI_CONTROL_PLANE"`; `state` in keepalived's words."""

    subject: str
    state: str


class Notices:
    """The reading end of the FIFO, which must be there. Opened for writing, too: keepalived opens it anew at each
    reload, and without a writer in between it would be at its end."""

    def __init__(self, fifo: Path) -> None:
        self._file = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""

    def fileno(self) -> int:
        """For the event loop."""
        return self._file

    def read(self) -> Iterator[Notice]:
        """Everything that is waiting; half a line is kept until the other half comes."""
        while block := self._block():
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                if found := _LINE.fullmatch(line.decode(errors="replace")):
                    yield Notice(found[1], found[2])

    def _block(self) -> bytes:
        try:
            return os.read(self._file, _BLOCK)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Closes it."""
        os.close(self._file)
