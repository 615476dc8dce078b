"""Runs on a node: a small HTTPS server that stands for the API server, and does as it is told on its input.

python -m vipalived.lab.apiserver FAMILY PORT CERTIFICATE

A line of input is what `GET /readyz` does from then on; the same line on the output says that it is so:

    ok              200
    unready         500, as when etcd does not answer
    slow SECONDS    200, so much later
    stop            500 with `[-]shutdown`; after STOPPING seconds the port closes, and the process ends

Everything else is served as ever.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STOPPING = 2.0
"""kube-apiserver's `--shutdown-delay-duration`."""
_LAST_ANSWERS = 0.5
_ANSWERS = {
    "ok": (200, b"ok"),
    "slow": (200, b"ok"),
    "unready": (500, b"[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed"),
    "stop": (500, b"[+]ping ok\n[-]shutdown failed: reason withheld\nreadyz check failed"),
}


class Handler(BaseHTTPRequestHandler):
    """Answers `GET`; a connection serves many requests, as the real server's does."""

    protocol_version = "HTTP/1.1"
    timeout = 90
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        """The handshake belongs to the connection's thread: a client that hangs in it stops nobody else."""
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        """One answer."""
        order, *rest = self.server.order.split() if self.path == "/readyz" else ["ok"]
        time.sleep(float(rest[0]) if rest else 0.0)
        status, body = _ANSWERS[order]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited signature
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """On every address of the node, those that are yet to come included."""

    daemon_threads = True
    request_queue_size = 128
    order = "ok"

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is the client's to report."""

    def obey(self) -> None:
        """Takes orders until there are no more."""
        for line in sys.stdin:
            self.order = line.strip()
            print(self.order, flush=True)  # noqa: T201 - the lab waits for this line
            if self.order == "stop":
                threading.Timer(STOPPING, self.shutdown).start()


def main() -> None:
    """Serves until told to stop, or killed."""
    family, port, certificate = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    Server.address_family = socket.AF_INET if family == 4 else socket.AF_INET6
    server = Server(("", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("listening", flush=True)  # noqa: T201 - the lab waits for this line
    threading.Thread(target=server.obey, daemon=True).start()
    server.serve_forever(poll_interval=0.05)
    server.socket.close()
    time.sleep(_LAST_ANSWERS)
    # Threads that wait for another request on a kept connection are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
