"""The client's HTTPS requests, a new connection each, as kubectl would make them.

    python -m vipalived.lab.kubectl ADDRESS PORT CA FILE PERIOD

One request every PERIOD seconds, whatever became of the others, each with one second to succeed: a SYN that
is lost is not sent again before that. FILE gets one line per request: when it began, when it ended, and 1 or 0.
SIGTERM ends it when the requests on their way are done.
"""

from __future__ import annotations

import http.client
import signal
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vipalived.lab.measure import Request

PERIOD = 0.1
QUICK = 0.02
"""Where the time until the first answer is the figure."""
TIMEOUT = 1.0
_AT_ONCE = 64


def succeeds(address: str, port: int, context: ssl.SSLContext) -> bool:
    """Whether one request over a new, verified connection is answered in time."""
    began = time.monotonic()
    connection = http.client.HTTPSConnection(address, port, timeout=TIMEOUT, context=context)
    try:
        connection.request("GET", "/version")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return status == 200 and time.monotonic() - began <= TIMEOUT


def read(path: Path, start: int, end: int) -> list[Request]:
    """The requests begun from `start` until before `end`."""
    lines = (line.split() for line in path.read_text().splitlines())
    requests = (Request(int(began), succeeded == "1", int(ended)) for began, ended, succeeded in lines)
    return [request for request in requests if start <= request.sent < end]


def main() -> None:
    """Asks until SIGTERM."""
    address, port, authority, path = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    period = float(sys.argv[5])
    context = ssl.create_default_context(cafile=authority)
    # Waited for, not handled: a handler that wakes its own thread can meet a lock that this thread holds.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with path.open("ab", buffering=0) as file, ThreadPoolExecutor(_AT_ONCE) as pool:

        def ask() -> None:
            began = time.monotonic_ns()
            succeeded = int(succeeds(address, port, context))
            # In one call: no reader sees a part of a line, and no other thread's comes between.
            file.write(f"{began} {time.monotonic_ns()} {succeeded}\n".encode())

        due = time.monotonic()
        while signal.sigtimedwait({signal.SIGTERM}, max(0.0, due - time.monotonic())) is None:
            pool.submit(ask)
            due = max(due + period, time.monotonic())


if __name__ == "__main__":
    main()
