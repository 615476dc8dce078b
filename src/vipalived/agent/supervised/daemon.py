"""A program under way: its process group started, heard, signalled, ended and reaped, in one event loop.

asyncio's own subprocesses reap by a thread; here the kernel tells of a process's end by a file descriptor.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from vipalived.agent import process

_BLOCK: Final = 65536
_LONGEST_LINE: Final = 4096
_REAPING: Final = 0.005


class Daemon:
    """Started at once; raises OSError if that cannot be done. `hear` gets each line that it says.

    It gets SIGTERM when this process dies, so that it hands over rather than run unsupervised. What it leaves
    behind when it dies must become a child of this process: see `process.adopt_orphans`.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], hear: Callable[[str], None]
    ) -> None:
        self._hear, self._rest = hear, b""
        self._loop = asyncio.get_running_loop()
        self._popen = subprocess.Popen(
            words,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            # Nothing else runs in this process that could hold a lock.
            preexec_fn=process.end_with_parent,  # noqa: PLW1509
        )
        assert self._popen.stdout is not None  # noqa: S101
        self._pipe = self._popen.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self._read)
        self._end = os.pidfd_open(self._popen.pid)
        self._ended = self._loop.create_future()
        self._loop.add_reader(self._end, self._note_end)

    async def ended(self) -> int:
        """Its exit code, negative for a signal; by then all of it has ended and been reaped."""
        await asyncio.shield(self._ended)
        # While it is not yet reaped, nobody else can have its number.
        self.kill()
        code = self._popen.wait()
        while self._more_to_reap():  # noqa: ASYNC110 - nothing tells of the end of a child's children
            await asyncio.sleep(_REAPING)
        self._close()
        return code

    def signal(self, number: int) -> None:
        """To its first process; in vain when that has ended."""
        if self._popen.returncode is None:
            self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to all of it."""
        if self._popen.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)

    def destroy(self) -> None:
        """Ends, reaps and forgets it without waiting for more than the kernel."""
        self.kill()
        self._popen.wait()
        while self._more_to_reap(options=0):
            pass
        self._close()

    def _more_to_reap(self, options: int = os.WNOHANG) -> bool:
        try:
            while os.waitpid(-self._popen.pid, options)[0]:
                pass
        except ChildProcessError:
            return False
        return True

    def _note_end(self) -> None:
        self._loop.remove_reader(self._end)
        self._ended.set_result(None)

    def _read(self) -> None:
        try:
            block = os.read(self._pipe, _BLOCK)
        except BlockingIOError:
            return
        if not block:
            self._loop.remove_reader(self._pipe)
        *lines, self._rest = (self._rest + block).split(b"\n")
        self._rest = self._rest[-_LONGEST_LINE:]
        for line in lines:
            self._hear(line.decode(errors="replace"))

    def _close(self) -> None:
        if self._end < 0:
            return
        self._read()
        self._loop.remove_reader(self._pipe)
        self._loop.remove_reader(self._end)
        os.close(self._end)
        self._end = -1
        if self._popen.stdout is not None:
            self._popen.stdout.close()


def meaning(code: int) -> str:
    """What an exit code of keepalived says, for the log."""
    if code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"
    return f"{_MEANINGS.get(code, 'gave up')} (exit code {code})"


_MEANINGS: Final = {
    0: "ended unasked: somebody else told it to, or it takes another process for itself",
    2: "cannot use its configuration on this node",
    4: "lacks a permission, NET_ADMIN or NET_RAW",
    5: "finds fault with its configuration",
    6: "finds no configuration that it may read",
    127: "was not found",
}
