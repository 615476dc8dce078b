"""The check against real TLS servers: what it says of each, how soon, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.agent.api_stub import Answer, Api, farewell, raw, reply, reset, silence
from vipalived.agent.checker import Checker
from vipalived.health.judge import HealthCheck
from vipalived.vrrp.model import Health, Standing

HEALTHY, UNPROVEN, UNREADY, DEAD = Standing.HEALTHY, Standing.UNPROVEN, Standing.UNREADY, Standing.DEAD
PROMPT = 0.5
"""Seconds: `within milliseconds`, on a machine that does other things, too."""
BROKEN = "it ends every connection without an answer"
STUB = Path(__file__).with_name("api_stub.py")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


class Watched(Checker):
    """A checker, what it has told of the standing, and whether it calls that steady."""

    def __init__(self, check: HealthCheck, standing: Standing) -> None:
        self.told: list[tuple[Standing, str]] = []
        self.steady: list[bool] = []
        super().__init__(check, self._hear, standing=standing)

    def _hear(self, health: Health, error: str) -> None:
        steadied = health.steady is not bool(self.steady and self.steady[-1])
        if steadied:
            self.steady.append(health.steady)
        if not steadied or health.standing is not HEALTHY:
            self.told.append((health.standing, error))

    async def becomes(self, standing: Standing, within: float = 2.0) -> float:
        """How many seconds it took."""
        start = time.monotonic()
        await until(lambda: self.standing is standing, within)
        return time.monotonic() - start


async def until(condition: Callable[[], bool], within: float = 2.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - whatever it is, not only what has an event
            await asyncio.sleep(0.001)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextlib.asynccontextmanager
async def checking(
    port: int, *, standing: Standing = UNPROVEN, host: str = "127.0.0.1", **values: object
) -> AsyncIterator[Watched]:
    """Quick: ten questions a second, each with half a second. Whatever it opens is gone at the end."""
    settings = {"interval": 0.1, "timeout": 0.5, **values}
    before = asyncio.all_tasks()
    checker = Watched(HealthCheck(url=f"https://{host}:{port}/readyz", **settings), standing)  # type: ignore[arg-type]
    checker.start()
    try:
        yield checker
    finally:
        await checker.close()
    assert {task.get_name() for task in asyncio.all_tasks() - before} & {"health-check-connect"} == set()
    gc.collect()  # An unclosed transport would complain.


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext | None, answer: Answer) -> AsyncIterator[Api]:
    api = Api(context, answer)
    await api.start()
    try:
        yield api
    finally:
        await api.stop()


@contextlib.contextmanager
def process(certificate: trustme.LeafCert, delay: float = 0.0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An API server of its own, to be frozen and killed; and its port."""
    with certificate.private_key_and_cert_chain_pem.tempfile() as pem:
        command = [sys.executable, str(STUB), pem, str(delay)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            try:
                yield child, int(child.stdout.readline())
            finally:
                child.kill()


@contextlib.contextmanager
def failing(context: ssl.SSLContext | None) -> Iterator[int]:
    """A server with whom no handshake succeeds, or (None) that has no TLS; its port."""

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(ssl.SSLError):
                if stopped.is_set():
                    return
                if context is not None:
                    context.wrap_socket(connection, server_side=True)
                elif connection.recv(1000):
                    connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            stopped.set()
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


# answers


def test_one_connection_serves_every_question(context):
    async def story() -> None:
        async with serving(context, reply(200)) as api, checking(api.port) as checker:
            await checker.becomes(HEALTHY)
            await until(lambda: len(api.questions) >= 8)
            assert api.connections == 1
            assert checker.told == [(HEALTHY, "")]
            assert api.questions[0].splitlines() == [
                "GET /readyz HTTP/1.1",
                f"Host: 127.0.0.1:{api.port}",
                "User-Agent: vipalived",
                "Accept: */*",
                "",
            ]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("answer", "standing", "error"),
    [
        (reply(401), HEALTHY, ""),
        (reply(500, "[+]ping ok\n[-]etcd failed: reason withheld\n"), UNREADY, "it answers 500 (failed: etcd)"),
        (reply(500, "[-]shutdown failed: reason withheld\n"), DEAD, "it answers 500 (failed: shutdown)"),
        (reply(418), UNREADY, "it answers 418"),
        (reply(503, "[-]shutdown"), UNREADY, "it answers 503 (failed: shutdown)"),
        (raw(b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), UNREADY, "it answers 302"),
        (raw(b"SSH-2.0-OpenSSH\r\n\r\n"), UNREADY, "its answer is not HTTP"),
        (raw(b"HTTP/1.1 200 X\r\nContent-Length: many\r\n\r\n"), UNREADY, "its answer is not HTTP"),
        (raw(b"HTTP/1.1 200 X\r\nA: " + b"a" * 100_000), UNREADY, "its answer is not HTTP"),
        (raw(b"HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n"), HEALTHY, ""),
        (raw(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), HEALTHY, ""),
        (raw(b"HTTP/1.1 200 X\r\n\r\nok, and no more", close=True), HEALTHY, ""),
        (raw(b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", close=True), HEALTHY, ""),
        (raw(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok, and more"), HEALTHY, ""),
        (raw(b"HTTP/1.1 200 X\r\nContent-Length: 9999999\r\n\r\n" + b"a" * 200_000), HEALTHY, ""),
        (raw(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\ncut", close=True), DEAD, BROKEN),
        (reset, DEAD, BROKEN),
        (silence, UNREADY, "no answer within 0.1 s"),
    ],
)  # fmt: skip
def test_answers(context, answer, standing, error):
    """What was healthy, or dead, becomes what the answers say."""

    async def story() -> None:
        start = DEAD if standing is HEALTHY else HEALTHY
        async with (
            serving(context, answer) as api,
            checking(api.port, standing=start, interval=0.05, timeout=0.1) as checker,
        ):
            await checker.becomes(standing)
            assert checker.told[-1] == (standing, error)
            assert checker.error == error

    asyncio.run(story())


def test_who_is_too_busy_to_say_changes_nothing(context):
    async def story() -> None:
        async with (
            serving(context, reply(429)) as api,
            checking(api.port, standing=HEALTHY, interval=0.05) as checker,
        ):
            await until(lambda: checker.error != "")
            assert checker.error == "it answers 429, as it does to whom it has no time for"
            await until(lambda: len(api.questions) > 10)
            assert checker.standing is HEALTHY

    asyncio.run(story())


def test_forbidden_lasts_before_it_counts(context, monkeypatch):
    monkeypatch.setattr("vipalived.health.judge.LASTING", 0.3)

    async def story() -> None:
        async with serving(context, reply(403)) as api, checking(api.port, interval=0.05) as checker:
            start = time.monotonic()
            await until(lambda: checker.error != "")
            assert checker.told == [(UNPROVEN, "it answers 403, as it does while it starts")]
            await checker.becomes(HEALTHY)
            assert time.monotonic() - start > 0.3
            assert checker.error == ""

    asyncio.run(story())


def test_single_slow_answers_move_nothing(context):
    async def story() -> None:
        async with (
            serving(context, reply(200)) as api,
            checking(api.port, interval=0.05, timeout=0.04, fall=2) as checker,
        ):
            await checker.becomes(HEALTHY)
            for _ in range(4):
                asked = len(api.questions)
                api.answer = silence
                await until(lambda: checker.error == "no answer within 0.04 s")
                api.answer = reply(200)
                await until(lambda: checker.error == "")
                assert len(api.questions) > asked
            assert checker.told == [(HEALTHY, "")]

    asyncio.run(story())


def test_it_is_steady_after_one_more_good_answer_and_not_while_it_fails(context):
    """Healthy after two, steady after three: only then a node preempts."""

    async def story() -> None:
        async with serving(context, reply(200)) as api, checking(api.port, fall=50) as checker:
            await until(lambda: checker.steady == [True])
            assert len(api.questions) == 3
            assert checker.told == [(HEALTHY, "")]
            api.answer = reply(500)
            await until(lambda: checker.steady == [True, False])
            assert checker.standing is HEALTHY
            api.answer = reply(200)
            await until(lambda: checker.steady == [True, False, True])
            assert checker.told == [(HEALTHY, "")]

    asyncio.run(story())


def test_questions_overlap_while_answers_are_slow(context):
    """0.25 s each, ten a second: three connections at a time, which are used again."""

    async def story() -> None:
        async with serving(context, reply(200, delay=0.25)) as api, checking(api.port) as checker:
            await checker.becomes(HEALTHY)
            await until(lambda: len(api.questions) >= 8)
            assert api.connections <= 4
            assert checker.told == [(HEALTHY, "")]
            api.answer = reply(200)
            await until(lambda: api.open == 1)

    asyncio.run(story())


# the end of a connection


def test_the_death_of_the_server_is_told_at_once(certificate):
    async def story() -> None:
        with process(certificate) as (server, port):
            async with checking(port, interval=5.0, timeout=5.0) as checker:
                await checker.becomes(HEALTHY)
                server.kill()
                assert await checker.becomes(DEAD) < PROMPT
                assert checker.told == [(HEALTHY, ""), (DEAD, "connection refused")]

    asyncio.run(story())


def test_the_death_of_a_server_that_keeps_no_connection_is_told_at_once(context):
    async def story() -> None:
        async with (
            serving(context, reply(200, version="1.0")) as api,
            checking(api.port, interval=5.0, timeout=5.0) as checker,
        ):
            await checker.becomes(HEALTHY)
            await until(lambda: api.open == 1)
            await api.stop()
            assert await checker.becomes(DEAD) < PROMPT

    asyncio.run(story())


def test_death_amid_a_question_is_told_at_once(context):
    async def story() -> None:
        async with (
            serving(context, silence) as api,
            checking(api.port, standing=HEALTHY, interval=5.0, timeout=5.0) as checker,
        ):
            await until(lambda: len(api.questions) == 1)
            await api.stop()
            assert await checker.becomes(DEAD) < PROMPT

    asyncio.run(story())


def test_an_orderly_end_of_the_connection_is_nothing(context):
    async def story() -> None:
        async with (
            serving(context, reply(200)) as api,
            checking(api.port, interval=5.0, timeout=5.0) as checker,
        ):
            await checker.becomes(HEALTHY)
            await api.drop()
            await until(lambda: api.connections == 2)
            await until(lambda: api.open == 1)
            await api.stop()
            await checker.becomes(DEAD)
            assert checker.told == [(HEALTHY, ""), (DEAD, "connection refused")]

    asyncio.run(story())


def test_a_connection_that_says_more_than_it_was_asked_is_replaced(context):
    async def story() -> None:
        async with (
            serving(context, farewell) as api,
            checking(api.port, standing=HEALTHY, interval=5.0, timeout=5.0) as checker,
        ):
            await until(lambda: api.connections == 2)
            assert len(api.questions) == 1
            assert checker.told == []

    asyncio.run(story())


async def interrupted(api: Api) -> None:
    """One question, whose connection ends before the answer, and its repetition."""
    asked, api.answer = len(api.questions), silence
    await until(lambda: len(api.questions) > asked)
    api.answer = reply(200)
    await api.drop()
    await until(lambda: len(api.questions) > asked + 1)


def test_a_question_on_a_connection_that_ends_is_put_again(context):
    async def story() -> None:
        async with serving(context, reply(200)) as api, checking(api.port, fall=1) as checker:
            await checker.becomes(HEALTHY)
            for _ in range(3):
                await interrupted(api)
            assert checker.told == [(HEALTHY, "")]

    asyncio.run(story())


def test_a_server_that_ends_idle_connections_at_once_is_not_pestered(context):
    async def story() -> None:
        async with serving(context, reply(200)) as api:
            api.idle = 0.002
            async with checking(api.port, interval=0.2) as checker:
                await checker.becomes(HEALTHY)
                connections, asked = api.connections, len(api.questions)
                await until(lambda: len(api.questions) >= asked + 3)
                # Between two questions at most two, and for each question one.
                assert api.connections - connections <= 3 * 4
                assert checker.told == [(HEALTHY, "")]

    asyncio.run(story())


def test_a_server_that_keeps_no_connection_is_asked_on_schedule(context):
    async def story() -> None:
        async with (
            serving(context, reply(200, version="1.0")) as api,
            checking(api.port, interval=0.05) as checker,
        ):
            await checker.becomes(HEALTHY)
            start, asked = time.monotonic(), len(api.questions)
            await until(lambda: len(api.questions) >= asked + 6)
            assert time.monotonic() - start > 0.2
            assert api.connections <= len(api.questions) + 1
            assert checker.told == [(HEALTHY, "")]

    asyncio.run(story())


# hanging


def test_a_frozen_server_is_dead(certificate):
    """From the freeze: up to one interval, two more, and the timeout: 0.3 + 0.5 s."""

    async def story() -> None:
        with process(certificate) as (server, port):
            async with checking(port) as checker:
                await checker.becomes(HEALTHY)
                os.kill(server.pid, signal.SIGSTOP)
                assert 0.5 < await checker.becomes(DEAD) < 0.8 + PROMPT
                assert checker.error == "no connection within 0.5 s"
                os.kill(server.pid, signal.SIGCONT)
                await checker.becomes(HEALTHY)

    asyncio.run(story())


def test_a_frozen_server_is_dead_with_short_times(certificate):
    """0.2 s each and two failures: 0.6 s."""

    async def story() -> None:
        with process(certificate) as (server, port):
            async with checking(port, interval=0.2, timeout=0.2, fall=2) as checker:
                await checker.becomes(HEALTHY)
                os.kill(server.pid, signal.SIGSTOP)
                assert await checker.becomes(DEAD) < 1.0

    asyncio.run(story())


def test_whoever_accepts_and_shakes_no_hands_is_not_healthy():
    async def story() -> None:
        async with serving(None, silence) as api, checking(api.port, timeout=0.2, interval=0.05) as checker:
            await until(lambda: checker.error == "no connection within 0.2 s")
            await until(lambda: api.connections >= 12)
            # timeout / interval, and one.
            assert api.open <= 5
            assert checker.standing is UNPROVEN

    asyncio.run(story())


# beginnings


def test_a_connection_attempt_that_was_no_use_is_made_again(context):
    """A dying server may still accept: who replaces a broken connection is broken, too, and does not hang on."""
    killed = threading.Event()

    def serve() -> None:
        with context.wrap_socket(listener.accept()[0], server_side=True) as tls:
            tls.recv(1000)
            tls.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
            killed.wait(5)
        for _ in range(2):
            listener.accept()[0].close()

    async def story() -> None:
        async with checking(port, standing=HEALTHY, interval=5.0, timeout=5.0) as checker:
            await until(lambda: not checker._questions)
            killed.set()
            assert await checker.becomes(DEAD) < PROMPT
            assert checker.error == BROKEN

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(3)
        port = listener.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        asyncio.run(story())
        thread.join()


def test_the_first_api_server_makes_its_node_healthy_soon(context):
    async def story() -> None:
        api = Api(context, reply(200))
        api.port = free_port()
        async with checking(api.port, interval=5.0, timeout=5.0) as checker:
            await until(lambda: checker.error == "connection refused")
            await api.start()
            assert await checker.becomes(HEALTHY) < 0.3 + PROMPT
            assert checker.told == [(UNPROVEN, "connection refused"), (HEALTHY, "")]
        await api.stop()

    asyncio.run(story())


def test_a_restart_takes_up_the_standing(context):
    async def story() -> None:
        async with checking(free_port(), standing=HEALTHY) as checker:
            assert checker.standing is HEALTHY
            await checker.becomes(DEAD)

    asyncio.run(story())


def test_a_name_stands_for_each_of_its_addresses(context, monkeypatch):
    """Nobody listens at the first. It is looked up once, and again when nobody listens at any."""
    looked_up = []

    def look_up(host: str, port: int, *rest: object) -> list[object]:
        looked_up.append(host)
        return [(0, 0, 0, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    async def story() -> None:
        async with (
            serving(context, reply(200, version="1.0")) as api,
            checking(api.port, host="localhost") as checker,
        ):
            await checker.becomes(HEALTHY)
            assert looked_up == ["localhost"]
            await api.stop()
            await checker.becomes(DEAD)
            assert checker.error == "connection refused"
            await until(lambda: len(looked_up) > 1)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    asyncio.run(story())


def test_an_unknown_name_is_not_a_dead_server(monkeypatch):
    def look_up(*_: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def story() -> None:
        async with checking(6443, host="nowhere.example", standing=HEALTHY) as checker:
            await checker.becomes(UNREADY)
            assert checker.error == "its name is not known: Name or service not known"

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    asyncio.run(story())


def test_no_proxy_is_asked(context, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    async def story() -> None:
        async with serving(context, reply(200)) as api, checking(api.port) as checker:
            await checker.becomes(HEALTHY)

    asyncio.run(story())


# a busy machine


def test_a_handshake_is_not_late_because_this_process_is(context):
    """Has 0.2 s to connect, of which this process sleeps all."""

    async def story() -> None:
        async with (
            serving(context, reply(200)) as api,
            checking(api.port, standing=HEALTHY, interval=5.0, timeout=0.2, fall=1) as checker,
        ):
            time.sleep(0.4)  # noqa: ASYNC251 - that is the point
            await until(lambda: not checker._questions)
            assert checker.told == []

    asyncio.run(story())


def test_an_answer_in_time_is_not_late_because_this_process_is(certificate):
    """Answers after 0.1 s, and has 0.15 s; but this process stands still for 0.3 s, again and again."""

    async def story() -> None:
        with process(certificate, delay=0.1) as (_, port):
            async with checking(port, interval=0.2, timeout=0.15, fall=1) as checker:
                await checker.becomes(HEALTHY)
                for _ in range(3):
                    time.sleep(0.3)  # noqa: ASYNC251 - that is the point
                    await asyncio.sleep(0.01)
                assert checker.told == [(HEALTHY, "")]

    asyncio.run(story())


# TLS and files


def test_the_authority_is_asked_for(context, authority, tmp_path):
    ca = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(str(ca))

    async def story() -> None:
        async with serving(context, reply(200)) as api:
            async with checking(api.port, ca_file=str(ca)) as checker:
                await checker.becomes(HEALTHY)
            trustme.CA().cert_pem.write_to_path(str(ca))
            async with checking(api.port, ca_file=str(ca), standing=HEALTHY) as checker:
                await checker.becomes(UNREADY)
                assert checker.error.startswith("its certificate is not accepted: ")

    asyncio.run(story())


def test_the_name_in_the_certificate_counts(authority, tmp_path):
    ca = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example").configure_cert(context)

    async def story() -> None:
        async with serving(context, reply(200)) as api:
            async with checking(api.port, ca_file=str(ca)) as checker:
                await until(lambda: "IP address mismatch" in checker.error)
                assert checker.standing is UNPROVEN
            async with checking(api.port) as checker:
                await checker.becomes(HEALTHY)

    asyncio.run(story())


def test_the_token_is_sent_and_read_again(context, tmp_path):
    token = tmp_path / "token"
    token.write_text("first-secret\n")

    async def story() -> None:
        async with serving(context, reply(200)) as api, checking(api.port, token_file=str(token)) as checker:
            await checker.becomes(HEALTHY)
            assert "Authorization: Bearer first-secret\r\n" in api.questions[-1]
            token.write_text("another-secret\n")
            await api.drop()
            await until(lambda: "Authorization: Bearer another-secret\r\n" in api.questions[-1])

    asyncio.run(story())


def test_the_client_certificate_is_shown(certificate, authority, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    client = authority.issue_cert("checker@example.org")
    cert, key = tmp_path / "client.crt", tmp_path / "client.key"
    client.cert_chain_pems[0].write_to_path(str(cert))
    client.private_key_pem.write_to_path(str(key))

    async def story() -> None:
        async with serving(context, reply(200)) as api:
            files = {"client_cert_file": str(cert), "client_key_file": str(key)}
            async with checking(api.port, **files) as checker:
                await checker.becomes(HEALTHY)
            assert api.connections == 1

    asyncio.run(story())


def test_an_alert_of_the_server_is_not_its_death(certificate):
    """Under TLS 1.3 it comes after the handshake; asyncio's own server would only close the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def story() -> None:
        with failing(context) as port:
            async with checking(port, standing=HEALTHY) as checker:
                await checker.becomes(UNREADY)
                assert checker.error == "it does not speak TLS with us: tlsv13 alert certificate required"

    asyncio.run(story())


def test_a_server_without_tls_is_not_ready():
    async def story() -> None:
        with failing(None) as port:
            async with checking(port, standing=HEALTHY) as checker:
                await checker.becomes(UNREADY)
                assert checker.error == "it does not speak TLS with us: wrong version number"

    asyncio.run(story())


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("ca_file", None, "cannot read {}: No such file or directory"),
        ("ca_file", "secret", "cannot use {}: no certificate or crl found"),
        ("client_cert_file", "secret", "cannot use {}: no usable PEM in it"),
        ("token_file", None, "cannot read {}: No such file or directory"),
        ("token_file", "two secrets", "cannot use {}: it does not have a token"),
        ("token_file", "", "cannot use {}: it does not have a token"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(context, tmp_path, name, content, error):
    path = tmp_path / "file"
    if content is not None:
        path.write_text(content)

    async def story() -> None:
        async with (
            serving(context, reply(200)) as api,
            checking(api.port, standing=HEALTHY, interval=0.05, **{name: str(path)}) as checker,
        ):
            await checker.becomes(UNREADY)
            assert checker.told == [(UNREADY, error.format(path))]

    asyncio.run(story())


def test_a_file_that_comes_later_is_used(context, authority, tmp_path):
    ca = tmp_path / "ca.crt"

    async def story() -> None:
        async with serving(context, reply(200)) as api, checking(api.port, ca_file=str(ca)) as checker:
            await until(lambda: checker.error.startswith("cannot read"))
            authority.cert_pem.write_to_path(str(ca))
            await checker.becomes(HEALTHY)

    asyncio.run(story())


# the end


@pytest.mark.parametrize("answer", [reply(200), silence])
def test_nothing_is_left(context, answer):
    async def story() -> None:
        async with serving(context, answer) as api:
            before = descriptors()
            async with checking(api.port):
                await until(lambda: len(api.questions) >= 3)
            await until(lambda: api.open == 0)
            assert descriptors() == before

    asyncio.run(story())


def test_a_handshake_that_hangs_is_left_behind():
    async def story() -> None:
        async with serving(None, silence) as api:
            async with checking(api.port):
                await until(lambda: api.connections >= 3)
            await until(lambda: api.open == 0)

    asyncio.run(story())
