"""A small API server that does what a test says, in this event loop or as a process of its own.

python tests/agent/api_stub.py CERTIFICATE DELAY
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(status: int, body: str = "ok", delay: float = 0.0, version: str = "1.1") -> Answer:
    """An answer with the length of its body; HTTP/1.0 ends the connection with it."""
    head = f"HTTP/{version} {status} X\r\nContent-Length: {len(body)}\r\n\r\n"

    async def answer(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay)
        writer.write((head + body).encode())
        if version == "1.0":
            writer.close()

    return answer


def raw(data: bytes, *, close: bool = False) -> Answer:
    """Whatever the test wants to say."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if close:
            writer.close()

    return answer


async def silence(writer: asyncio.StreamWriter) -> None:
    """Says nothing while the connection lasts."""
    while not writer.is_closing():  # noqa: ASYNC110 - streams have no event for it
        await asyncio.sleep(0.005)


async def farewell(writer: asyncio.StreamWriter) -> None:
    """Answers, and then says more than it was asked."""
    await reply(200)(writer)
    await asyncio.sleep(0.01)
    writer.write(b"HTTP/1.1 408 X\r\n\r\n")


async def reset(writer: asyncio.StreamWriter) -> None:
    """Breaks the connection."""
    writer.transport.abort()


class Api:
    """Counts what it sees. `idle`: seconds after which it ends a connection that asks nothing."""

    def __init__(self, context: ssl.SSLContext | None, answer: Answer) -> None:
        self.answer = answer
        self.context = context
        self.idle: float | None = None
        self.connections = 0
        self.questions: list[str] = []
        self.port = 0
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Connections at the moment."""
        return len(self._open)

    async def start(self) -> None:
        """Listen; again at the same port after a stop."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, then break every connection."""
        if self._server is not None:
            self._server.close()
        await self.drop()

    async def drop(self) -> None:
        """Break every connection."""
        tasks = tuple(self._open)
        for task, writer in tuple(self._open.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                async with asyncio.timeout(self.idle):
                    head = await reader.readuntil(b"\r\n\r\n")
                self.questions.append(head.decode())
                await self.answer(writer)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass
        finally:
            writer.close()


async def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    api = Api(context, reply(200, delay=float(sys.argv[2])))
    await api.start()
    print(api.port, flush=True)  # noqa: T201 - the test waits for this line
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
