"""The API server's stand-in with each of its ways to fail, on a port of the loopback."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from vipalived.lab.apiserver import STOPPING
from vipalived.lab.kubectl import TIMEOUT, Client
from vipalived.lab.servers import ApiServer

LOCAL = "127.0.0.1"


class Served:
    """A stand-in, and whoever asks it."""

    def __init__(self, place: Path) -> None:
        authority = trustme.CA()
        certificate = place / "server.pem"
        authority.issue_cert(LOCAL).private_key_and_cert_chain_pem.write_to_path(str(certificate))
        self.context = ssl.create_default_context()
        authority.configure_trust(self.context)
        with socket.create_server((LOCAL, 0)) as free:
            self.port = free.getsockname()[1]
        self.server = ApiServer([], ["4", str(self.port), str(certificate)])

    def connect(self, timeout: float = 5.0) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(LOCAL, self.port, timeout=timeout, context=self.context)

    def readyz(self, connection: http.client.HTTPSConnection) -> tuple[int, str]:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def answers(self) -> bool:
        with contextlib.closing(self.client()) as client:
            return client.succeeds()

    def client(self) -> Client:
        return Client(LOCAL, self.port, self.context)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    made.server.start()
    try:
        yield made
    finally:
        made.server.kill()


def test_it_answers_on_a_kept_connection_as_it_is_told(served: Served) -> None:
    connection = served.connect()
    assert served.readyz(connection) == (200, "ok")
    kept = connection.sock
    served.server.order("unready")
    assert served.readyz(connection)[0] == 500
    served.server.order("slow 0.2")
    began = time.monotonic()
    assert served.readyz(connection) == (200, "ok")
    assert time.monotonic() - began >= 0.2
    assert connection.sock is kept
    assert served.answers()
    connection.close()


def test_a_planned_stop_says_so_and_serves_on_until_the_port_is_closed(served: Served) -> None:
    connection = served.connect()
    served.server.order("stop")
    ordered = time.monotonic()
    status, text = served.readyz(connection)
    assert (status, "[-]shutdown failed" in text) == (500, True)
    assert served.answers()
    while served.answers():
        assert time.monotonic() - ordered < STOPPING + 2.0
    assert time.monotonic() - ordered >= STOPPING
    connection.close()


def test_a_dead_one_refuses_and_a_frozen_one_answers_nobody_until_it_is_healed(served: Served) -> None:
    served.server.kill()
    assert not served.answers()
    served.server.heal()
    assert served.answers()
    served.server.freeze()
    with pytest.raises(TimeoutError):
        served.readyz(served.connect(timeout=0.2))
    served.server.heal()
    assert served.answers()


def test_a_death_cuts_what_is_under_way(served: Served) -> None:
    connection = served.connect()
    served.server.order("slow 5")
    connection.request("GET", "/readyz")
    served.server.kill()
    with pytest.raises(ConnectionError):
        connection.getresponse()
    connection.close()


def test_a_client_keeps_its_connection_and_makes_another_when_that_breaks(served: Served) -> None:
    with contextlib.closing(served.client()) as client:
        assert client.succeeds()
        kept = client._connection.sock
        assert kept is not None
        assert client.succeeds()
        assert client._connection.sock is kept
        served.server.kill()
        assert not client.succeeds()
        served.server.start()
        assert client.succeeds()
        kept = client._connection.sock
        # Broken while nobody asked: the request is put again, and succeeds.
        served.server.kill()
        served.server.start()
        assert client.succeeds()
        assert client._connection.sock is not kept


def test_a_client_waits_no_longer_than_it_may_on_either_connection(served: Served) -> None:
    def waited(client: Client, *, connected: bool) -> float:
        assert not connected or client.succeeds()
        served.server.freeze()
        began = time.monotonic()
        assert not client.succeeds()
        spent = time.monotonic() - began
        served.server.heal()
        return spent

    with contextlib.closing(served.client()) as kept, contextlib.closing(served.client()) as new:
        for client in (kept, new):
            # Whoever asks once more takes twice as long each time; a busy machine may, now and then.
            spent = [waited(client, connected=client is kept) for _ in range(3)]
            assert TIMEOUT <= min(spent) < 2 * TIMEOUT
        assert kept.succeeds()
