"""Work done in a forked child, which takes the memory it needed with it.

Reading settings loads some 20 MiB of libraries. The engine itself must stay small: it is always there.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Final, Generic, TypeVar

from msgspec import Struct

from vipalived.errors import InvalidSettings, Problem, VipalivedError

T = TypeVar("T")


class _Refusal(Struct, frozen=True):
    message: str
    hint: str | None
    problems: tuple[Problem, ...]


class Child(Generic[T]):
    """A call under way in another process; `fileno` is readable while it says something or has ended.

    For single-threaded callers.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._reading, writing = os.pipe()
        self._answer = bytearray()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            _become(work, writing)
        os.close(writing)

    def fileno(self) -> int:
        """For an event loop."""
        return self._reading

    def read(self) -> bool:
        """Takes in what the child has said, waiting for it if need be; True when it has said all."""
        block = os.read(self._reading, 65536)
        self._answer += block
        return not block

    def says(self, seconds: float) -> bool:
        """Whether there is something to read within so long."""
        ready, _, _ = select.select([self._reading], [], [], seconds)
        return bool(ready)

    def kill(self) -> None:
        """Gives it up, whatever it does; nothing may be asked of it any more."""
        os.close(self._reading)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        _GIVEN_UP.add(self._pid)
        _bury(_DYING)

    def result(self) -> T:
        """What the work returned; raises InvalidSettings or VipalivedError as the work did."""
        self.kill()  # it has said all, and nobody waits for its end
        if not self._answer:
            raise RuntimeError("a child process ended without an answer")
        answer = pickle.loads(self._answer)  # noqa: S301 - our own child wrote it
        if not isinstance(answer, _Refusal):
            return answer  # type: ignore[no-any-return]
        if answer.problems:
            raise InvalidSettings(answer.problems)
        raise VipalivedError(answer.message, hint=answer.hint)


_DYING = 0.01
_GIVEN_UP: Final[set[int]] = set()
"""Children that were killed and may not have ended yet: one that waits for a file server ends when that answers."""


def _bury(seconds: float) -> None:
    """Waits for them no longer than that: one that cannot die is left to a later call."""
    end = time.monotonic() + seconds
    while True:
        _GIVEN_UP.difference_update([pid for pid in _GIVEN_UP if os.waitpid(pid, os.WNOHANG) != (0, 0)])
        if not _GIVEN_UP or time.monotonic() > end:
            return
        time.sleep(0.001)


def call(work: Callable[[], T]) -> T:
    """What `work` returns when a child does it."""
    child = Child(work)
    while not child.read():
        pass
    return child.result()


def _become(work: Callable[[], T], writing: int) -> None:
    """The child's whole life: nothing of the parent's may be run here, not even its end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        # Told while the parent listens: it does not wait for anything after that.
        with os.fdopen(writing, "wb") as pipe:
            _tell(work, pipe)
        code = 0
    finally:
        os._exit(code)


def _tell(work: Callable[[], T], pipe: BinaryIO) -> None:
    try:
        pickle.dump(_answer(work), pipe)
    except BaseException:  # noqa: BLE001 - whatever it is, it must not reach the parent's stack
        traceback.print_exc()
    sys.stderr.flush()


def _answer(work: Callable[[], T]) -> T | _Refusal:
    try:
        return work()
    except InvalidSettings as error:
        return _Refusal(error.message, error.hint, error.problems)
    except VipalivedError as error:
        return _Refusal(error.message, error.hint, ())
