"""The HTTP endpoint: `/livez` and `/readyz` for the kubelet, `/metrics` for Prometheus, `/status` for programs.

The protocol is h11's; here are its limits. Whatever comes in, the engine in the same loop goes on.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11

from vipalived.agent.snapshot import Snapshot

if TYPE_CHECKING:
    from vipalived.agent.metrics import Metrics

Trouble = Callable[[str, str], None]
"""Tells of what went wrong: what it is about, and the sentence."""

_LONGEST_HEAD: Final = 8192
_PATIENCE: Final = 10.0
"""Seconds that a connection may take from one answer to the end of the next one."""
_AT_ONCE: Final = 32
_AGAIN: Final = 5.0
"""Seconds between two attempts to listen."""
_PLAIN: Final = "text/plain; charset=utf-8"

Answer = tuple[int, bytes, str]
"""Status, body, content type."""


class Endpoint:
    """The server on one address and port."""

    def __init__(self, address: str, port: int, snapshot: Callable[[], Snapshot], trouble: Trouble) -> None:
        self._address, self._port, self._snapshot, self._trouble = address, port, snapshot, trouble
        self._connections: set[_Connection] = set()
        self._metrics: Metrics | None = None

    async def serve(self) -> None:
        """Until cancelled; where it cannot listen, that is told and tried again: it may be only now."""
        while (server := await self._listen()) is None:  # noqa: ASYNC110 - nobody tells when it can
            await asyncio.sleep(_AGAIN)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for connection in tuple(self._connections):
                connection.abort()

    async def _listen(self) -> asyncio.Server | None:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(self._connection, self._address, self._port)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            where = f"{self._address} port {self._port}"
            self._trouble("endpoint", f"cannot listen on {where}, probes and metrics must wait: {reason}")
            return None

    def _connection(self) -> _Connection:
        return _Connection(self.answer, self._connections)

    def answer(self, target: bytes, accept: str) -> Answer:
        """What is at a path."""
        match target.partition(b"?")[0]:
            case b"/livez":
                now = self._snapshot()
                late = f"the engine's timer is overdue by {now.overdue:.0f} s"
                return _verdict(() if now.live else (late,))
            case b"/readyz":
                return _verdict(self._snapshot().unready)
            case b"/metrics":
                return (200, *self._exposition(accept))
            case b"/status":
                return 200, json.dumps(self._snapshot().to_json()).encode() + b"\n", "application/json"
        return 404, b"expected /livez, /readyz, /metrics or /status\n", _PLAIN

    def _exposition(self, accept: str) -> tuple[bytes, str]:
        if self._metrics is None:
            from vipalived.agent.metrics import Metrics

            self._metrics = Metrics(self._snapshot)
        return self._metrics.exposition(accept)


def _verdict(reasons: tuple[str, ...]) -> Answer:
    if not reasons:
        return 200, b"ok\n", _PLAIN
    return 503, "".join(f"{reason}\n" for reason in reasons).encode(), _PLAIN


class _Connection(asyncio.Protocol):
    """One client: answered as it asks, for as long as it is quick about it."""

    def __init__(self, answer: Callable[[bytes, str], Answer], others: set[_Connection]) -> None:
        self._answer, self._others = answer, others
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)
        self._request: h11.Request | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - the server makes no other ones
        self._transport = transport
        self._limit()
        if len(self._others) >= _AT_ONCE:
            self.abort()
        else:
            self._others.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._others.discard(self)

    def _limit(self) -> None:
        """So long from now on."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self.abort)

    def abort(self) -> None:
        """Drop the client, whatever it is doing."""
        self._transport.abort()

    def pause_writing(self) -> None:
        """It asks faster than it reads."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        self._transport.resume_reading()
        self._proceed()

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._proceed()

    def eof_received(self) -> None:
        self._http.receive_data(b"")
        self._proceed()

    def _proceed(self) -> None:
        try:
            while not self._full and not self._transport.is_closing() and self._step():
                pass
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def _step(self) -> bool:
        """Takes one event; False when there is none to take."""
        match self._http.next_event():
            case h11.Request() as request:
                self._request = request
                if request.method not in {b"GET", b"HEAD"}:
                    self._refuse(405)
                elif self._http.they_are_waiting_for_100_continue:
                    self._refuse(417)
            case h11.Data():
                # Nothing that is here has a use for a body.
                self._refuse(413)
            case h11.EndOfMessage():
                self._respond()
                # The engine's turn, before whatever else this client has asked for.
                asyncio.get_running_loop().call_soon(self._proceed)
                return False
            case h11.ConnectionClosed():
                self._transport.close()
            case _:
                return False
        return True

    def _refuse(self, status: int) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = f"{HTTPStatus(status).phrase}\n".encode()
            self._send(status, body, _PLAIN, (("allow", "GET, HEAD"), ("connection", "close")))
        self._transport.close()

    def _respond(self) -> None:
        request = self._request
        assert request is not None  # noqa: S101 - h11 ends no message that it has not begun
        accept = b",".join(value for name, value in request.headers if name == b"accept")
        self._send(*self._answer(request.target, accept.decode("latin-1")))
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
            return
        self._http.start_next_cycle()
        self._limit()

    def _send(self, status: int, body: bytes, kind: str, more: Iterable[tuple[str, str]] = ()) -> None:
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        headers = [("date", date), ("content-type", kind), ("content-length", str(len(body))), *more]
        reason = HTTPStatus(status).phrase
        sent = self._http.send(h11.Response(status_code=status, headers=headers, reason=reason)) or b""
        if self._request is None or self._request.method != b"HEAD":
            sent += self._http.send(h11.Data(data=body)) or b""
        self._transport.write(sent + (self._http.send(h11.EndOfMessage()) or b""))
