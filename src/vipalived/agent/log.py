"""The engine's log: one line per state change, and troubles told once a minute rather than each time."""

from __future__ import annotations

import logging
import time
from collections import Counter

from vipalived.net import clock

_log = logging.getLogger("vipalived")
_QUIET = 60.0


def to_stderr() -> None:
    """For a process of our own: every line with the time in UTC."""
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)


class Log:
    """Lines about one virtual router."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    def say(self, text: str) -> None:
        """What the operator should know."""
        _log.info("%s %s", self._subject, text)

    def trouble(self, about: str, sentence: str) -> None:
        """What went wrong; the same trouble again within a minute is only counted."""
        now = clock.now()
        if now - self._told.get(about, -_QUIET) < _QUIET:
            self._untold[about] += 1
            return
        self._told[about] = now
        again = self._untold.pop(about, 0)
        _log.warning("%s %s%s", self._subject, sentence, f" ({again} more since then)" if again else "")
