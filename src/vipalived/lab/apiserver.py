"""Runs on a node: a small HTTPS server that stands for the API server.

python -m vipalived.lab.apiserver FAMILY PORT CERTIFICATE
"""

from __future__ import annotations

import socket
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers `GET /readyz`, and all else, with `ok`."""

    timeout = 10

    def setup(self) -> None:
        """The handshake belongs to the connection's thread: a client that hangs in it stops nobody else."""
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        """One answer; the connection ends with it (HTTP/1.0)."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited signature
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """On every address of the node, those that are yet to come included."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is the client's to report."""


def main() -> None:
    """Serves until killed."""
    family, port, certificate = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    Server.address_family = socket.AF_INET if family == 4 else socket.AF_INET6
    server = Server(("", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("listening", flush=True)  # noqa: T201 - the lab waits for this line
    server.serve_forever()


if __name__ == "__main__":
    main()
