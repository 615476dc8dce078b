"""Process 1 of the pod: it runs the engine in a child, starts that again at once when it dies, and never less.

The child leaves word of what its successor must know (`Estate`) as it goes, so a death at any moment costs
nothing but the start of another child: a native holder's addresses stay on the interface and are adopted.
A child that dies again and again is given longer and longer rests, and the addresses are removed before each.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NoReturn

from vipalived.agent import process
from vipalived.agent.estate import Estate
from vipalived.agent.log import Log
from vipalived.errors import ExitCode
from vipalived.net import clock

Bequeath = Callable[[Estate], None]
Live = Callable[[Estate, Bequeath], None]
"""A whole life of an engine process; it returns once it has been told to end and has handed over."""

_RESTS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a start, by how many deaths there have been in a row."""
_GOOD_RUN: Final = 10.0
"""A child that has lived so long is not one that dies again and again."""
_LAST_WORDS: Final = 3.0
"""Seconds that the dead child's own children have to end: keepalived hands over and takes one."""
_LARGEST: Final = 1 << 20
_HANDED_ON: Final = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGTERM,
    signal.SIGHUP: signal.SIGHUP,
}


def guard(live: Live, estate: Estate) -> int:
    """Until SIGTERM has been obeyed; the exit code."""
    with _woken_by_signals() as woken:
        return _Guard(live, estate, woken).run()


class _Guard:
    def __init__(self, live: Live, estate: Estate, woken: socket.socket) -> None:
        self._live, self._estate, self._woken = live, estate, woken
        self._log = Log("guard")
        self._engine: int | None = None
        self._code = 0
        self._stopping = False

    def run(self) -> int:
        process.adopt_orphans()
        deaths = 0
        while True:
            began = clock.now()
            self._one_life()
            if self._stopping:
                return self._end()
            deaths = 1 if clock.now() - began >= _GOOD_RUN else deaths + 1
            rest = _RESTS[min(deaths, len(_RESTS)) - 1]
            self._log.say(f"the engine process {_ending(self._code)}; another one starts {_when(rest)}")
            if rest:
                process.sweep(self._estate.plan)
                self._rest(rest)
                if self._stopping:
                    return ExitCode.OK
            self._estate = replace(self._estate, restarts=self._estate.restarts + 1)

    def _end(self) -> int:
        if self._code == 0:
            return ExitCode.OK
        process.sweep(self._estate.plan)
        self._log.say(f"the engine process {_ending(self._code)} before it had handed over")
        return ExitCode.FAILED

    # one child

    def _one_life(self) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, its:
            try:
                self._engine = os.fork()
            except OSError as error:
                self._log.say(f"cannot start an engine process: {error.strerror}")
                self._engine, self._code = None, -1
                return
            if self._engine == 0:
                _become(self._live, self._estate, its)
            its.close()
            ours.setblocking(False)
            with selectors.DefaultSelector() as selector:
                selector.register(self._woken, selectors.EVENT_READ)
                selector.register(ours, selectors.EVENT_READ)
                while self._engine is not None:
                    for key, _ in selector.select():
                        if key.fileobj is ours and not self._inherit(ours):
                            selector.unregister(ours)
                    self._obey()
            while self._inherit(ours):
                pass
        self._end_orphans()

    def _inherit(self, ours: socket.socket) -> bool:
        """Takes a bequest in; False when there is none."""
        try:
            letter = ours.recv(_LARGEST)
        except OSError:
            return False
        if letter:
            estate: Estate = pickle.loads(letter)  # noqa: S301 - our own child wrote it
            self._estate = replace(estate, restarts=self._estate.restarts)
        return bool(letter)

    def _obey(self) -> None:
        """Signals that have come, and children that have ended."""
        with suppress(BlockingIOError):
            for number in self._woken.recv(256):
                if number in _HANDED_ON:
                    self._stopping |= number != signal.SIGHUP
                    self._signal_engine(_HANDED_ON[signal.Signals(number)])
        for pid, code in process.ended_children():
            if pid == self._engine:
                self._engine, self._code = None, code

    def _signal_engine(self, number: signal.Signals) -> None:
        if self._engine is not None:
            with suppress(ProcessLookupError):
                os.kill(self._engine, number)

    # between two children

    def _rest(self, seconds: float) -> None:
        end = clock.now() + seconds
        self._wait(end, lambda: self._stopping)

    def _end_orphans(self) -> None:
        """What the dead child has left running must not be in its successor's way."""
        if not _children():
            return
        self._wait(clock.now() + _LAST_WORDS, lambda: not _children())
        for pid in _children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait(clock.now() + _LAST_WORDS, lambda: not _children())

    def _wait(self, end: float, condition: Callable[[], bool]) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            while not condition() and (left := end - clock.now()) > 0:
                selector.select(left)
                self._obey()


def _become(live: Live, estate: Estate, letters: socket.socket) -> NoReturn:
    """The child's whole life: nothing of the guard's may be run here, not even its end."""
    code: int = ExitCode.BUG
    try:
        signal.set_wakeup_fd(-1)
        for number in (*_HANDED_ON, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # Ctrl-C in a terminal is for the guard, who hands it on once.
        os.setpgid(0, 0)
        process.end_with_parent()
        letters.setblocking(False)

        def bequeath(estate: Estate) -> None:
            # A guard that stands still has the last but one.
            with suppress(OSError):
                letters.send(pickle.dumps(estate))

        live(estate, bequeath)
        code = ExitCode.OK
    except BaseException:  # noqa: BLE001 - whatever it is, it must not reach the guard's stack
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


@contextmanager
def _woken_by_signals() -> Iterator[socket.socket]:
    """A socket that has the number of each signal that came."""
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    before = {number: signal.signal(number, _noted) for number in (*_HANDED_ON, signal.SIGCHLD)}
    signal.set_wakeup_fd(waker.fileno())
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        woken.close()
        waker.close()


def _noted(*_: object) -> None:
    """The wakeup socket has it."""


def _children() -> list[int]:
    own = os.getpid()
    return [int(word) for word in Path(f"/proc/{own}/task/{own}/children").read_text().split()]


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _when(rest: float) -> str:
    return f"in {rest:g} s, and the addresses are removed until then" if rest else "at once"
