"""The API servers' stand-ins, one on each node, and what can become of them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from vipalived.lab.sandbox import python
from vipalived.lab.world import World


class ApiServer:
    """`vipalived.lab.apiserver` on one node."""

    def __init__(self, enter: Sequence[str], words: Sequence[str]) -> None:
        self._command = [*enter, *python("-m", "vipalived.lab.apiserver", *words)]
        self._process: subprocess.Popen[str] | None = None
        self._order = "ok"
        self._frozen = False

    def start(self) -> None:
        """Serve; returns once it listens."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._order, self._frozen = "ok", False
        self._hear()

    def order(self, order: str) -> None:
        """`ok`, `unready`, `slow SECONDS` or `stop`."""
        assert self._process is not None  # noqa: S101 - the scenarios start what they give orders to
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        self._order = order
        self._hear()

    def _hear(self) -> None:
        self._process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe; the line says that it is so

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections are still accepted, by the kernel, and nothing else happens."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            self._frozen = True

    def heal(self) -> None:
        """Between trials: a server that is well."""
        if self._process is None or self._frozen or self._order == "stop":
            self.kill()
            self.start()
        elif self._order != "ok":
            self.order("ok")


def api_servers(world: World, port: int) -> tuple[dict[str, ApiServer], Path]:
    """One that is running for every node, by the node's name; and the file of the authority that vouches for them."""
    certificate, authority = world.place / "server.pem", world.place / "ca.pem"
    _certify(world.plan.vip, certificate, authority)
    words = [str(world.plan.vip.version), str(port), str(certificate)]
    servers = {host.name: ApiServer(world.enter(host.name), words) for host in world.plan.nodes}
    for server in servers.values():
        server.start()
    return servers, authority


def _certify(vip: IPv4Address | IPv6Address, certificate: Path, authority: Path) -> None:
    """A certificate for the VIP, as the API server's would have it, and the authority that signed it."""
    import trustme

    signer = trustme.CA()
    signer.cert_pem.write_to_path(str(authority))
    signer.issue_cert(str(vip), "kubernetes.default.svc").private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )
