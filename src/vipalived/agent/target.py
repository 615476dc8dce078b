"""Where the API server is and who asks it: the URL, and the files with certificates, key and token.

The files are read again when they have changed, for the next connection.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import h11
from msgspec import Struct

from vipalived.health.judge import HealthCheck

_TOKEN = re.compile(rb"[\x21-\x7e]+")


class Unusable(Exception):
    """A file that the check needs cannot be used; says which and why, never what is in it."""


class Credentials(Struct, frozen=True):
    """What a connection needs of the files."""

    context: ssl.SSLContext
    token: bytes | None


class Target:
    """The API server of a `HealthCheck`."""

    def __init__(self, check: HealthCheck) -> None:
        url = urlsplit(check.url)
        self._check = check
        self._host, self._port = url.hostname or "", url.port or 443
        self._authority = url.netloc
        self._path = f"{url.path}?{url.query}" if url.query else url.path
        self._addresses: tuple[str, ...] = ()
        self._stamp: object = None
        self._loaded: Credentials | None = None

    def credentials(self) -> Credentials:
        """What the files say now. Raises Unusable."""
        stamp = self._stamp_now()
        if self._loaded is None or stamp != self._stamp:
            self._loaded, self._stamp = self._load(), stamp
        return self._loaded

    def request(self, token: bytes | None) -> h11.Request:
        """The question."""
        headers: list[tuple[bytes, bytes]] = [
            (b"Host", self._authority.encode()),
            (b"User-Agent", b"vipalived"),
            (b"Accept", b"*/*"),
        ]
        if token is not None:
            headers.append((b"Authorization", b"Bearer " + token))
        return h11.Request(method=b"GET", target=self._path.encode(), headers=headers)

    async def connect(self, protocol: Callable[[], asyncio.Protocol], context: ssl.SSLContext) -> None:
        """Open a connection, never through a proxy, to the first address that takes it. Raises OSError."""
        # Looked up once: a name server that hangs must not look like a hanging API server.
        self._addresses = self._addresses or await self._look_up()
        failure: OSError | None = None
        for address in self._addresses:
            try:
                await self._connect(protocol, address, context)
            except OSError as error:
                failure = error
            else:
                return
        self._addresses = ()
        raise failure or socket.gaierror(socket.EAI_NONAME, "it has no address")

    async def _connect(
        self, protocol: Callable[[], asyncio.Protocol], address: str, context: ssl.SSLContext
    ) -> None:
        # Whoever needs the connection gives up earlier than asyncio does.
        patience = self._check.interval + self._check.timeout + 1.0
        await asyncio.get_running_loop().create_connection(
            protocol,
            address,
            self._port,
            ssl=context,
            server_hostname=self._host,
            ssl_handshake_timeout=patience,
        )

    async def _look_up(self) -> tuple[str, ...]:
        try:
            ip_address(self._host)
        except ValueError:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            return tuple(str(address[0]) for *_, address in found)
        return (self._host,)

    def _stamp_now(self) -> object:
        check = self._check
        stamps = []
        for path in (check.ca_file, check.client_cert_file, check.client_key_file, check.token_file):
            if path is not None:
                with _blaming(path):
                    stat = Path(path).stat()
                stamps.append((stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return stamps

    def _load(self) -> Credentials:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        check = self._check
        if check.ca_file is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        else:
            with _blaming(check.ca_file):
                context.load_verify_locations(check.ca_file)
        if check.client_cert_file is not None:
            with _blaming(" with ".join(filter(None, (check.client_cert_file, check.client_key_file)))):
                # An empty password: OpenSSL must not ask the terminal for one.
                context.load_cert_chain(check.client_cert_file, check.client_key_file, password="")
        return Credentials(context, None if check.token_file is None else _token(check.token_file))


def _token(path: str) -> bytes:
    with _blaming(path):
        token = Path(path).read_bytes().strip()
    if not _TOKEN.fullmatch(token):
        raise Unusable(f"cannot use {path}: it does not have a token")
    return token


@contextmanager
def _blaming(path: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise Unusable(f"cannot use {path}: {_words(error.reason)}") from error
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror}") from error


def _words(reason: str | None) -> str:
    return reason.replace("_", " ").lower() if reason else "no usable PEM in it"
