"""Work done in a forked child, which takes the memory it needed with it.

Reading settings loads some 20 MiB of libraries. The engine itself must stay small: it is always there.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from vipalived.errors import InvalidSettings, Problem, VipalivedError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Refusal:
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
        """Takes in what the child has said, waiting for it if need be; True when it has ended."""
        block = os.read(self._reading, 65536)
        self._answer += block
        return not block

    def result(self) -> T:
        """What the work returned; raises InvalidSettings or VipalivedError as the work did."""
        os.close(self._reading)
        os.waitpid(self._pid, 0)
        if not self._answer:
            raise RuntimeError("a child process ended without an answer")
        answer = pickle.loads(self._answer)  # noqa: S301 - our own child wrote it
        if not isinstance(answer, _Refusal):
            return answer  # type: ignore[no-any-return]
        if answer.problems:
            raise InvalidSettings(answer.problems)
        raise VipalivedError(answer.message, hint=answer.hint)


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
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(_answer(work), pipe)
        sys.stderr.flush()
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it must not reach the parent's stack
        traceback.print_exc()
    finally:
        os._exit(code)


def _answer(work: Callable[[], T]) -> T | _Refusal:
    try:
        return work()
    except InvalidSettings as error:
        return _Refusal(error.message, error.hint, error.problems)
    except VipalivedError as error:
        return _Refusal(error.message, error.hint, ())
