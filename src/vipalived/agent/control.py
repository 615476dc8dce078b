"""The control socket: `vipalived status`, `release` and `rejoin` ask the running agent through it.

One line of JSON in, one line out; only the agent's own user may connect.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from vipalived.agent.absence import LONGEST
from vipalived.agent.client import SOCKET
from vipalived.agent.snapshot import Snapshot

Trouble = Callable[[str, str], None]
"""Tells of what went wrong: what it is about, and the sentence."""

_LONGEST_QUESTION: Final = 4096
_PATIENCE: Final = 5.0
"""Seconds that a client may take for a question, and for taking the answer."""
_AT_ONCE: Final = 16
_AGAIN: Final = 5.0
"""Seconds between two attempts to open the socket."""


class Controls(Protocol):
    """What can be asked of the agent."""

    def snapshot(self) -> Snapshot: ...

    def release(self, seconds: float | None, *, force: bool) -> None: ...

    def rejoin(self) -> None: ...


class _Refused(Exception):
    """The question cannot be answered."""


class Control:
    """The server's side, in `directory`."""

    def __init__(self, directory: Path, controls: Controls, trouble: Trouble) -> None:
        self._path, self._controls, self._trouble = directory / SOCKET, controls, trouble
        self._clients = self._inode = 0

    async def serve(self) -> None:
        """Until cancelled; where the socket cannot be opened, that is told and tried again."""
        while (listening := self._open()) is None:  # noqa: ASYNC110 - nobody tells when it can
            await asyncio.sleep(_AGAIN)
        server = await asyncio.start_unix_server(self._converse, sock=listening, limit=_LONGEST_QUESTION)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            self._remove()

    def _open(self) -> socket.socket | None:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        before = os.umask(0o177)
        try:
            # A predecessor that died has left its own behind.
            self._path.unlink(missing_ok=True)
            listening.bind(str(self._path))
            listening.listen(_AT_ONCE)
            self._inode = self._path.stat().st_ino
        except OSError as error:
            listening.close()
            reason = error.strerror or error
            self._trouble("control", f"cannot listen on {self._path}, `vipalived status` must wait: {reason}")
            return None
        finally:
            os.umask(before)
        return listening

    def _remove(self) -> None:
        """The socket file, unless a successor has put its own there."""
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            if self._clients >= _AT_ONCE:
                return
            self._clients += 1
            try:
                async with asyncio.timeout(_PATIENCE):
                    writer.write(self._answer(await _question(reader)))
                    await writer.drain()
            finally:
                self._clients -= 1
        except (OSError, TimeoutError):
            writer.transport.abort()
        finally:
            writer.close()

    def _answer(self, question: bytes) -> bytes:
        try:
            answer: dict[str, Any] = {"answer": self._do(question)}
        except _Refused as refused:
            answer = {"error": str(refused)}
        return json.dumps(answer).encode() + b"\n"

    def _do(self, question: bytes) -> Any:
        match _parsed(question):
            case {"command": "status"}:
                return self._controls.snapshot().to_json()
            case {"command": "release", "seconds": seconds, "force": bool(force)}:
                return self._controls.release(_duration(seconds), force=force)
            case {"command": "rejoin"}:
                return self._controls.rejoin()
            case _:
                raise _Refused(
                    "expected the command `status`, `release` (with `seconds` and `force`) or `rejoin`"
                )


async def _question(reader: StreamReader) -> bytes:
    """A line; empty when there is none that is short enough."""
    try:
        return await reader.readline()
    except ValueError:
        return b""


def _parsed(question: bytes) -> object:
    try:
        return json.loads(question)
    except (ValueError, RecursionError) as error:
        raise _Refused(f"expected one line of JSON with at most {_LONGEST_QUESTION} bytes") from error


def _duration(seconds: object) -> float | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _Refused("expected `seconds` to be a number or null")
    if not 0 < seconds <= LONGEST:
        raise _Refused(f"expected more than 0 and at most {LONGEST} seconds, found {seconds}")
    return float(seconds)
