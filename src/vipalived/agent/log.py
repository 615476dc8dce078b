"""The agent's log: one line per event, as text or as JSON; troubles are told once a minute, not each time."""

from __future__ import annotations

import json
import logging
import os
import select
import time
from collections import Counter
from typing import Literal

from vipalived.net import clock

Form = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

_log = logging.getLogger("vipalived")
_QUIET = 60.0


def to_stderr(form: Form = "text", level: Level = "info") -> None:
    """For a process of our own: every line with the time in UTC, those of libraries, too."""
    handler = _Stderr()
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.getLogger().addHandler(handler)
    set_level(level)


def set_level(level: Level) -> None:
    """The least severe lines that are written from now on."""
    _log.setLevel(level.upper())


class _Stderr(logging.Handler):
    """Writes what can be written at once, and counts the rest: whoever reads the log must not stop the engine.

    A pipe or socket that says that it can be written to takes `PIPE_BUF` bytes, see pipe(7).
    """

    def __init__(self) -> None:
        super().__init__()
        self._poll = select.poll()
        self._poll.register(2, select.POLLOUT)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        lines = [record]
        if self._lost:
            told = (f"{self._lost} lines were lost, as nobody read them",)
            lines.insert(0, logging.LogRecord("log", logging.WARNING, "", 0, "%s", told, None))
        if self._write("".join(f"{self.format(line)}\n" for line in lines).encode(errors="replace")):
            self._lost = 0
        else:
            self._lost += 1

    def _write(self, data: bytes) -> bool:
        try:
            for start in range(0, len(data), select.PIPE_BUF):
                if not any(events & select.POLLOUT for _, events in self._poll.poll(0)):
                    return False
                os.write(2, data[start : start + select.PIPE_BUF])
        except OSError:
            return False  # nobody will read it any more
        return True


class _Text(logging.Formatter):
    """`2026-01-31T12:00:00.000Z vrid=51 eth0 BACKUP -> MASTER (master-down-expired)`."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - not ours
        del datefmt
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{seconds}.{int(record.msecs):03}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - not ours
        severity = f"{record.levelname.lower()}: " if record.levelno != logging.INFO else ""
        return f"{self.formatTime(record)} {severity}{record.message}"


class _Json(_Text):
    """One object per line: time, level, what it is about, message, and the fields of an event."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {"time": self.formatTime(record), "level": record.levelname.lower()}
        fields |= getattr(record, "fields", {"subject": record.name, "message": record.getMessage()})
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class Log:
    """Lines about one subject; `fields` tell a program what the subject's text tells a reader."""

    def __init__(self, subject: str, **fields: object) -> None:
        self._subject, self._fields = subject, fields or {"subject": subject}
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    @classmethod
    def of_router(cls, vrid: int, interface: str) -> Log:
        """For lines about a virtual router."""
        return cls(f"vrid={vrid} {interface}", vrid=vrid, interface=interface)

    def say(self, text: str, **fields: object) -> None:
        """What the operator should know."""
        self._write(logging.INFO, text, fields)

    def changed(self, old: str, new: str, reason: str) -> None:
        """Another state."""
        self.say(f"{old} -> {new} ({reason})", **{"from": old, "to": new, "reason": reason})

    def warn(self, text: str, **fields: object) -> None:
        """What the operator should do something about."""
        self._write(logging.WARNING, text, fields)

    def bug(self, text: str, error: Exception) -> None:
        """What only we can mend, with its traceback."""
        self._write(logging.ERROR, text, {}, error)

    def detail(self, text: str) -> None:
        """What helps to find a fault, and is too much otherwise."""
        self._write(logging.DEBUG, text, {})

    def trouble(self, about: str, sentence: str) -> None:
        """What went wrong; the same trouble again within a minute is only counted."""
        if (again := self._again(about)) is not None:
            self.warn(f"{sentence}{again}")

    def recurring(self, about: str, sentence: str) -> None:
        """What the operator should know once a minute, however often it happens."""
        if (again := self._again(about)) is not None:
            self.say(f"{sentence}{again}")

    def _again(self, about: str) -> str | None:
        """How often this was not told since it last was; None when it is too early to tell of it."""
        now = clock.now()
        if now - self._told.get(about, -_QUIET) < _QUIET:
            self._untold[about] += 1
            return None
        self._told[about] = now
        again = self._untold.pop(about, 0)
        return f" ({again} more since then)" if again else ""

    def _write(
        self, level: int, text: str, fields: dict[str, object], error: Exception | None = None
    ) -> None:
        text = " ".join(text.splitlines())
        told = {**self._fields, "message": text, **fields}
        _log.log(level, "%s %s", self._subject, text, extra={"fields": told}, exc_info=error)
