"""The client's HTTPS requests: each on a new connection, as kubectl makes them, and all on one, as a kubelet does.

    python -m vipalived.lab.kubectl ADDRESS PORT CA FILE PERIOD

Every PERIOD seconds one on a new connection, whatever became of the others, and on the kept one as soon as the one
before is done. Each has one second to succeed: a SYN that is lost is not sent again before that. FILE gets one line
per request: when it began, when it ended, 1 or 0, and `new` or `kept`. SIGTERM ends it when the requests on their
way are done.
"""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

from vipalived.lab.measure import Request

PERIOD = 0.1
QUICK = 0.02
"""Where the time until the first answer is the figure."""
TIMEOUT = 1.0
_AT_ONCE = 64


class _Connection(http.client.HTTPSConnection):
    """Has its socket before that is connected: Python loses one that is reset just before TLS begins on it."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(address, port, timeout=TIMEOUT, context=context)
        self._tls = context

    def connect(self) -> None:
        plain = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        plain.settimeout(TIMEOUT)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect((self.host, self.port))


class Client:
    """Asks over a verified connection that it keeps, and makes anew when a request on it has failed."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext) -> None:
        self._connection = _Connection(address, port, context)

    def succeeds(self) -> bool:
        """Whether a request is answered in time.

        One on a connection that turns out to be broken is put again on a new one, as Go's own client does it.
        """
        began, kept = time.monotonic(), self._connection.sock is not None
        try:
            answered = self._ask()
        except TimeoutError:
            answered = False
        except (OSError, http.client.HTTPException):
            answered = kept and self._asks_anew()
        if not answered:
            self.close()
        return answered and time.monotonic() - began <= TIMEOUT

    def _asks_anew(self) -> bool:
        self.close()
        try:
            return self._ask()
        except (OSError, http.client.HTTPException):
            return False

    def _ask(self) -> bool:
        self._connection.request("GET", "/version")
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 200

    def close(self) -> None:
        """The next request makes a connection."""
        self._connection.close()


def read(path: Path, start: int, end: int) -> tuple[list[Request], list[Request]]:
    """The requests begun from `start` until before `end`: those on new connections, and those on a kept one."""
    found: dict[str, list[Request]] = {"new": [], "kept": []}
    for began, ended, succeeded, connection in map(str.split, path.read_text().splitlines()):
        if start <= int(began) < end:
            found[connection].append(Request(int(began), succeeded == "1", int(ended)))
    return found["new"], found["kept"]


def main() -> None:
    """Asks until SIGTERM."""
    address, port, authority, path = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    period = float(sys.argv[5])
    context = ssl.create_default_context(cafile=authority)
    # Waited for, not handled: a handler that wakes its own thread can meet a lock that this thread holds.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    over = Event()

    def note(client: Client, connection: str) -> None:
        began = time.monotonic_ns()
        succeeded = int(client.succeeds())
        # In one call: no reader sees a part of a line, and no other thread's comes between.
        file.write(f"{began} {time.monotonic_ns()} {succeeded} {connection}\n".encode())

    def ask() -> None:
        with closing(Client(address, port, context)) as client:
            note(client, "new")

    def ask_on() -> None:
        with closing(Client(address, port, context)) as client:
            while not over.wait(period):
                note(client, "kept")

    with path.open("ab", buffering=0) as file, ThreadPoolExecutor(_AT_ONCE) as pool:
        pool.submit(ask_on)
        due = time.monotonic()
        while signal.sigtimedwait({signal.SIGTERM}, max(0.0, due - time.monotonic())) is None:
            pool.submit(ask)
            due = max(due + period, time.monotonic())
        over.set()


if __name__ == "__main__":
    main()
