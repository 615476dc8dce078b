"""A node's daemon as processes: started, stopped, killed, frozen, and always reaped.

keepalived is a parent and a child. An orphan of a killed parent becomes ours, because the lab is
process 1 of its namespace; left unreaped, its pid file would keep the next daemon from starting.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a daemon: its words, and what it finds in its environment besides ours.

    `before` is run to its end ahead of that, and ahead of a reload.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[str] = ()


class Daemon:
    """One daemon on one node; `log` gets everything that it says."""

    def __init__(self, node: str, enter: Sequence[str], command: Command, log: Path) -> None:
        self.node, self.log = node, log
        self._from = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [*enter, *command.argv],
                env=os.environ | dict(command.env),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children: set[int] = set()

    @property
    def running(self) -> bool:
        """Whether its first process still runs."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        """What this daemon has logged since it was started."""
        with self.log.open("rb") as file:
            file.seek(self._from)
            return file.read().decode(errors="replace")

    def terminate(self) -> None:
        """SIGTERM to the first process, as a container runtime does it."""
        self._children |= set(_descendants(self._process.pid))
        self._process.terminate()

    def hang_up(self) -> None:
        """SIGHUP to the first process: it reads its configuration again."""
        self._process.send_signal(signal.SIGHUP)

    def pids(self) -> set[int]:
        """Every process of it."""
        return {self._process.pid, *_descendants(self._process.pid)}

    def freeze(self) -> None:
        """SIGSTOP to every process of it."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT to every process of it."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to every process of it, all at once: stopped first, none sees another's end."""
        self.freeze()
        self._signal(signal.SIGKILL)
        self._process.wait()
        self.reap()

    def reap(self) -> None:
        """Ends and reaps what the first process left behind; call it once that one has ended."""
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._children.clear()

    def _signal(self, number: signal.Signals) -> None:
        self._children |= set(_descendants(self._process.pid))
        for pid in (self._process.pid, *self._children):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def end(pids: Sequence[int]) -> None:
    """SIGKILL to all of them at once: stopped first, none sees another's end."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _descendants(pid: int) -> list[int]:
    """The processes that this one started, and those that they started."""
    return [found for child in _children(pid) for found in (child, *_descendants(child))]
