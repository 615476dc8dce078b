"""One TLS connection to the API server: opened, asked one question at a time, and watched for its end.

All of it happens in the transport's callbacks, which asyncio calls before the timers of the same turn: an
answer that came in time is never late because this process was.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from typing import Protocol, cast

import h11
from msgspec import Struct

from vipalived.agent.target import Target, Unusable
from vipalived.health.judge import Outcome

_LIMIT = 64 * 1024
"""Bytes of an answer that are read."""
_NAMED = 5
"""So many of the API server's failed checks are named."""
_FAILED_CHECK = re.compile(rb"^\[-\]([\w./-]{1,64})", re.MULTILINE)
_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH})


class Finding(Struct, frozen=True):
    """An outcome, and in words what is wrong; empty when nothing is."""

    outcome: Outcome
    error: str = ""


class Owner(Protocol):
    """Who opened a connection hears of it."""

    def answered(self, connection: Connection, finding: Finding, *, reusable: bool) -> None:
        """The question has its answer."""

    def ended(self, connection: Connection, finding: Finding | None) -> None:
        """It could not be opened, for the reason found, or (None) the other side broke it."""

    def gone(self, connection: Connection) -> None:
        """Nothing is left of it."""


class Connection(asyncio.Protocol):
    """Opens itself; ends by `abort`, or by itself with one call of `ended`.

    `strikes` are its predecessors that broke one after the other before an answer.
    """

    def __init__(self, target: Target, owner: Owner, strikes: int) -> None:
        self.strikes = strikes
        self._target = target
        self._owner = owner
        self._over = False
        self._wanted = False
        self._asked = False
        self._transport: asyncio.Transport | None = None
        self._question: h11.Request | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LIMIT)
        self._status = 0
        self._body = bytearray()
        self._opening = asyncio.get_running_loop().create_task(self._open(), name="health-check-connect")
        self._opening.add_done_callback(self._opened)

    @property
    def ready(self) -> bool:
        """Whether its TLS handshake has ended well, be the connection over or not."""
        return self._transport is not None

    def ask(self) -> None:
        """Put the question, as soon as the connection is ready."""
        self._wanted = True
        self._send()

    def abort(self) -> None:
        """Give it up, without a word to the owner but `gone`."""
        self._over, self._wanted, self._asked = True, False, False
        if self._transport is None:
            self._opening.cancel()
        else:
            self._transport.abort()

    # opening

    async def _open(self) -> None:
        try:
            credentials = self._target.credentials()
            self._question = self._target.request(credentials.token)
            await self._target.connect(lambda: self, credentials.context)
        except Unusable as error:
            self._end(Finding(Outcome.UNREADY, str(error)))
        except OSError as error:
            self._end(_why_not(error))

    def _opened(self, opening: asyncio.Task[None]) -> None:
        if self._transport is None:
            self._owner.gone(self)
        if not opening.cancelled():
            opening.result()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake is done."""
        self._transport = cast("asyncio.Transport", transport)
        if self._over:
            self._transport.abort()
        self._send()

    def data_received(self, data: bytes) -> None:
        """A piece of the answer; unasked data (a farewell, perhaps) makes the connection useless."""
        if self._asked:
            self._read(data)
        else:
            self._end(None)

    def eof_received(self) -> None:
        """The other side is done: its last answer may end with this."""
        if self._asked and self._http.their_state is h11.SEND_BODY:
            self._read(b"")
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """After this nothing is called any more."""
        self._end(_why_not(exc) if isinstance(exc, OSError) else None)
        self._owner.gone(self)

    def _end(self, finding: Finding | None) -> None:
        if not self._over:
            self.abort()
            self._owner.ended(self, finding)

    # HTTP

    def _send(self) -> None:
        if self._transport is None or self._question is None or not self._wanted:
            return
        self._wanted, self._asked, self._status = False, True, 0
        self._body.clear()
        request = self._http.send(self._question) or b""
        self._transport.write(request + (self._http.send(h11.EndOfMessage()) or b""))

    def _read(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while self._asked and isinstance(event := self._http.next_event(), h11.Event):
                self._take(event)
        except h11.RemoteProtocolError:
            if data:
                self._answer(Finding(Outcome.UNREADY, "its answer is not HTTP"))

    def _take(self, event: h11.Event) -> None:
        if isinstance(event, h11.Response):
            self._status = event.status_code
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > _LIMIT:
                self._answer(understand(self._status, bytes(self._body)))
        elif isinstance(event, h11.EndOfMessage):
            self._answer(understand(self._status, bytes(self._body)))

    def _answer(self, finding: Finding) -> None:
        self._asked = False
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        reusable = done and not self._http.trailing_data[0]
        if reusable:
            self._http.start_next_cycle()
        else:
            self.abort()
        self._owner.answered(self, finding, reusable=reusable)


def understand(status: int, body: bytes) -> Finding:
    """What an answer says."""
    match status:
        case 200:
            return Finding(Outcome.OK)
        case 401:
            return Finding(Outcome.UNAUTHORIZED)
        case 403:
            return Finding(Outcome.FORBIDDEN, "it answers 403, as it does while it starts")
        case 429:
            return Finding(Outcome.BUSY, "it answers 429, as it does to whom it has no time for")
    failed = [name.decode("ascii", "replace") for name in _FAILED_CHECK.findall(body)]
    named = ", ".join(failed[:_NAMED])
    error = f"it answers {status}" + (f" (failed: {named})" if named else "")
    stopping = status == 500 and b"[-]shutdown" in body
    return Finding(Outcome.STOPPING if stopping else Outcome.UNREADY, error)


def _why_not(error: OSError) -> Finding | None:
    """Why there is no connection; None: the other side ended it, and another may fare better."""
    match error:
        case ssl.SSLCertVerificationError():
            return Finding(Outcome.UNREADY, f"its certificate is not accepted: {error.verify_message}")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ssl.SSLSyscallError():
            return None
        case ssl.SSLError():
            reason = (error.reason or "error").replace("_", " ").lower()
            return Finding(Outcome.UNREADY, f"it does not speak TLS with us: {reason}")
        case ConnectionRefusedError():
            return Finding(Outcome.REFUSED, "connection refused")
        case ConnectionError():
            return None
        case socket.gaierror():
            return Finding(Outcome.UNREADY, f"its name is not known: {error.strerror}")
    outcome = Outcome.REFUSED if error.errno in _NO_ROUTE else Outcome.UNREADY
    return Finding(outcome, f"cannot connect: {os.strerror(error.errno or 0)}")
