"""The HTTP endpoint, with real sockets: what is where, and what strange clients do."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.agent.serving import serving, until
from tests.agent.story import Story
from vipalived.agent import endpoint
from vipalived.agent.endpoint import Endpoint
from vipalived.agent.snapshot import Snapshot

PLAIN = "text/plain; charset=utf-8"


def silent(about: str, sentence: str) -> None:
    raise AssertionError(f"{about}: {sentence}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Server:
    def __init__(self) -> None:
        self.story = Story()
        self.port = free_port()
        self.asked = 0

    def snapshot(self) -> Snapshot:
        self.asked += 1
        return self.story.shown()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def say(self, question: bytes) -> bytes:
        """What comes back until the server closes."""
        with self.connect() as connection:
            connection.sendall(question)
            return heard(connection)


def heard(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while block := connection.recv(65536):
            answer += block
    except ConnectionResetError:
        pass
    return answer


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with serving(Endpoint("127.0.0.1", made.port, made.snapshot, silent).serve):
        until(lambda: listens(made.port))
        yield made


def test_an_engine_lives_whatever_its_state(server: Server) -> None:
    assert server.ask("/livez") == (200, "ok\n")
    server.story.ledger.state("INITIALIZE", "link-down")
    assert server.ask("/livez") == (200, "ok\n")
    server.story.ledger.timer(server.story.now - 5.5)
    assert server.ask("/livez") == (503, "the engine's timer is overdue by 6 s\n")


def test_who_knows_a_master_is_ready(server: Server) -> None:
    assert server.ask("/readyz") == (503, "it takes no part: startup\n")
    server.story.is_master()
    assert server.ask("/readyz") == (200, "ok\n")
    assert server.ask("/readyz?verbose") == (200, "ok\n")


def test_metrics_are_of_the_moment(server: Server) -> None:
    assert 'vipalived_state{state="MASTER"} 0.0' in server.ask("/metrics")[1]
    server.story.is_master()
    status, text = server.ask("/metrics")
    assert status == 200
    assert 'vipalived_state{state="MASTER"} 1.0' in text


def test_the_status_is_the_snapshot(server: Server) -> None:
    server.story.is_master()
    status, text = server.ask("/status")
    assert status == 200
    assert Snapshot.from_json(json.loads(text)) == server.snapshot()


def test_openmetrics_is_for_who_accepts_it(server: Server) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/metrics", headers={"Accept": accept})
    answer = connection.getresponse()
    assert answer.getheader("content-type", "").startswith("application/openmetrics-text; version=1.0.0")
    assert answer.read().endswith(b"\n# EOF\n")
    connection.close()


def test_a_connection_serves_again_and_again(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for path, status in (("/livez", 200), ("/readyz", 503), ("/", 404), ("/livez", 200)):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("content-type")) == (status, PLAIN)
        answer.read()
        assert connection.sock is not None, "the server has closed it"
    connection.close()


def test_questions_may_come_all_at_once(server: Server) -> None:
    question = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = server.say(question * 50 + last)
    assert (answer.count(b"HTTP/1.1 200 OK\r\n"), answer.count(b"HTTP/1.1 404 Not Found\r\n")) == (50, 1)


def test_the_engine_has_its_turn_between_two_answers(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, seen = 0, []
    verdict = endpoint._verdict

    def counting(reasons: tuple[str, ...]) -> endpoint.Answer:
        nonlocal answered
        answered += 1
        asyncio.get_running_loop().call_soon(lambda: seen.append(answered))
        return verdict(reasons)

    monkeypatch.setattr(endpoint, "_verdict", counting)
    server.say(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n" * 20 + b"GET /livez HTTP/1.0\r\n\r\n")
    assert seen == list(range(1, 22))


def test_a_head_is_a_get_without_its_body(server: Server) -> None:
    answer = server.say(b"HEAD /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").decode()
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "\r\ncontent-length: 3\r\n" in answer
    assert re.search(r"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", answer)
    assert answer.endswith("\r\n\r\n")


def test_old_clients_are_served(server: Server) -> None:
    assert server.say(b"GET /livez HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\nok\n")


@pytest.mark.parametrize(
    ("question", "status"),
    [
        (b"POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nno", 405),
        (b"DELETE /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nno", 413),
        (
            b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n",
            417,
        ),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 10_000, 431),
    ],
)
def test_what_is_no_question_is_refused_and_the_connection_closed(
    question: bytes, status: int, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = server.say(question)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nallow: GET, HEAD\r\n" in answer or status != 405
    assert server.ask("/livez")[0] == 200
    assert capfd.readouterr().err == ""


def test_no_accept_header_is_an_accident(server: Server) -> None:
    for accept in ("application/openmetrics-text; version=abc", "text/plain; version=", ";=,;", "\xe9"):
        assert server.ask("/metrics", Accept=accept)[0] == 200


def test_a_client_that_dawdles_is_dropped(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.1)
    with server.connect() as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        assert heard(connection) == b""
    assert server.ask("/livez")[0] == 200


def test_a_client_that_does_not_read_is_not_answered_for_ever(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's buffers fill, then the server stops answering, and drops the client."""
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.5)
    with server.connect() as connection:
        connection.settimeout(0.05)
        with pytest.raises(ConnectionError):
            flood(connection)
    # An answer has some 6 kB, so the kernel takes no more than a thousand or two.
    assert server.asked < 5000
    assert server.ask("/livez")[0] == 200


def flood(connection: socket.socket) -> None:
    question = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n" * 100
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(TimeoutError):
            connection.sendall(question)


def test_too_many_clients_are_turned_away(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(server.connect())
        assert server.say(b"GET /livez HTTP/1.0\r\n\r\n") == b""
    until(lambda: server.say(b"GET /livez HTTP/1.0\r\n\r\n") != b"")


def test_its_end_closes_every_connection() -> None:
    made = Server()
    with serving(Endpoint("127.0.0.1", made.port, made.snapshot, silent).serve):
        until(lambda: listens(made.port))
        connection = made.connect()
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(65536).endswith(b"ok\n")
    with connection:
        assert heard(connection) == b""
    assert not listens(made.port)


def test_where_it_cannot_listen_that_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_AGAIN", 0.02)
    made = Server()
    told: list[str] = []
    with socket.create_server(("127.0.0.1", made.port)) as other:
        serve = Endpoint(
            "127.0.0.1", made.port, made.snapshot, lambda _about, sentence: told.append(sentence)
        ).serve
        with serving(serve):
            until(lambda: len(told) > 1)
            other.close()
            until(lambda: listens(made.port))
            assert made.ask("/livez")[0] == 200
    where = f"127.0.0.1 port {made.port}"
    assert set(told) == {f"cannot listen on {where}, probes and metrics must wait: Address already in use"}


def test_an_address_that_is_not_there_is_told() -> None:
    told: list[str] = []
    serve = Endpoint("198.18.0.77", 9951, Story().shown, lambda _about, sentence: told.append(sentence)).serve
    with serving(serve):
        until(lambda: bool(told))
    assert told == [
        "cannot listen on 198.18.0.77 port 9951, probes and metrics must wait: Cannot assign requested address"
    ]
