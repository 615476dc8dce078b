"""The control socket, with real sockets: what is asked, and what strange clients do."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.agent.serving import Controls, serving, until
from tests.agent.story import eventful
from vipalived.agent import client, control
from vipalived.agent.client import NoAgent, ask
from vipalived.agent.control import Control
from vipalived.agent.snapshot import Snapshot
from vipalived.errors import ExitCode, VipalivedError


def silent(about: str, sentence: str) -> None:
    raise AssertionError(f"{about}: {sentence}")


@pytest.fixture
def controls(tmp_path: Path) -> Iterator[Controls]:
    """Those of an agent that listens in `tmp_path`."""
    asked = Controls(eventful())
    with serving(Control(tmp_path, asked, silent).serve):
        until((tmp_path / "agent.sock").exists)
        yield asked


def say(directory: Path, question: bytes) -> bytes:
    """What comes back until the server closes."""
    with connect(directory) as connection:
        connection.sendall(question)
        connection.shutdown(socket.SHUT_WR)
        return heard(connection)


def connect(directory: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(str(directory / "agent.sock"))
    return connection


def heard(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while block := connection.recv(65536):
            answer += block
    except ConnectionResetError:
        pass
    return answer


def test_the_status_is_the_snapshot(tmp_path: Path, controls: Controls) -> None:
    assert Snapshot.from_json(ask(tmp_path, "status")) == controls.snapshot()


def test_release_and_rejoin_reach_the_agent(tmp_path: Path, controls: Controls) -> None:
    ask(tmp_path, "release", seconds=None, force=False)
    ask(tmp_path, "release", seconds=600, force=True)
    ask(tmp_path, "rejoin")
    assert controls.asked == [(None, False), (600.0, True), "rejoin"]


COMMANDS = "expected the command `status`, `release` (with `seconds` and `force`) or `rejoin`"
LINE = "expected one line of JSON with at most 4096 bytes"


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (b"", LINE),
        (b"\n", LINE),
        (b"status\n", LINE),
        (b"\xff\xfe\x00\n", LINE),
        (b"[" * 4000 + b"\n", LINE),
        (b"x" * 100_000 + b"\n", LINE),
        (b"7\n", COMMANDS),
        (b'{"command": "stop"}\n', COMMANDS),
        (b'{"command": ["status"]}\n', COMMANDS),
        (b'{"command": "release"}\n', COMMANDS),
        (b'{"command": "release", "seconds": null}\n', COMMANDS),
        (b'{"command": "release", "seconds": null, "force": 1}\n', COMMANDS),
        (
            b'{"command": "release", "seconds": "10", "force": false}\n',
            "expected `seconds` to be a number or null",
        ),
        (
            b'{"command": "release", "seconds": true, "force": false}\n',
            "expected `seconds` to be a number or null",
        ),
        (
            b'{"command": "release", "seconds": -1, "force": false}\n',
            "expected more than 0 and at most 31536000 seconds, found -1",
        ),
        (
            b'{"command": "release", "seconds": NaN, "force": false}\n',
            "expected more than 0 and at most 31536000 seconds, found nan",
        ),
        (
            b'{"command": "release", "seconds": Infinity, "force": false}\n',
            "expected more than 0 and at most 31536000 seconds, found inf",
        ),
    ],
)
def test_rubbish_is_answered_with_what_was_expected(
    question: bytes, error: str, tmp_path: Path, controls: Controls, capfd: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(say(tmp_path, question)) == {"error": error}
    assert controls.asked == []
    assert ask(tmp_path, "status")["node"] == "cp-1"
    assert capfd.readouterr().err == ""


def test_a_client_that_goes_away_is_nothing_to_speak_of(
    tmp_path: Path, controls: Controls, capfd: pytest.CaptureFixture[str]
) -> None:
    for question in (b"", b'{"command"', b'{"command": "status"}\n'):
        with connect(tmp_path) as connection:
            connection.sendall(question)
    assert ask(tmp_path, "status")["node"] == "cp-1"
    assert capfd.readouterr().err == ""


def test_a_slow_client_is_dropped(
    tmp_path: Path, controls: Controls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_PATIENCE", 0.1)
    with connect(tmp_path) as connection:
        connection.sendall(b'{"command": ')
        assert heard(connection) == b""


def test_too_many_clients_are_turned_away(tmp_path: Path, controls: Controls) -> None:
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(connect(tmp_path)).sendall(b"{")
        assert say(tmp_path, b'{"command": "status"}\n') == b""
    until(lambda: say(tmp_path, b'{"command": "status"}\n') != b"")


def test_only_the_agents_user_may_connect(tmp_path: Path, controls: Controls) -> None:
    assert stat.S_IMODE((tmp_path / "agent.sock").stat().st_mode) == 0o600


def test_what_a_dead_agent_left_behind_is_replaced_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "agent.sock"))
    with serving(Control(tmp_path, Controls(eventful()), silent).serve):
        until(lambda: answers(tmp_path))
    assert list(tmp_path.iterdir()) == []


def answers(directory: Path) -> bool:
    try:
        return bool(ask(directory, "status"))
    except NoAgent:
        return False


def inode(directory: Path) -> int | None:
    try:
        return (directory / "agent.sock").stat().st_ino
    except FileNotFoundError:
        return None


def test_the_socket_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    with ExitStack() as first:
        first.enter_context(serving(Control(tmp_path, Controls(eventful()), silent).serve))
        until(lambda: answers(tmp_path))
        before = inode(tmp_path)
        with serving(Control(tmp_path, Controls(eventful()), silent).serve):
            until(lambda: answers(tmp_path) and inode(tmp_path) not in {before, None})
            first.close()
            assert answers(tmp_path)


def test_where_it_cannot_listen_that_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_AGAIN", 0.02)
    told: list[str] = []
    directory = tmp_path / "run"
    serve = Control(directory, Controls(eventful()), lambda _about, sentence: told.append(sentence)).serve
    with serving(serve):
        until(lambda: len(told) > 1)
        directory.mkdir()
        until(lambda: answers(directory))
    path = directory / "agent.sock"
    assert set(told) == {f"cannot listen on {path}, `vipalived status` must wait: No such file or directory"}


# the client's side


def test_no_agent_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoAgent) as caught:
        ask(tmp_path, "status")
    assert caught.value.message == f"no agent answers at `{tmp_path}/agent.sock`: No such file or directory"
    assert caught.value.hint is not None
    assert "--run-dir" in caught.value.hint
    assert "kubectl -n NAMESPACE exec POD -- vipalived status" in caught.value.hint
    assert caught.value.exit_code == ExitCode.FAILED
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "agent.sock"))
    with pytest.raises(NoAgent, match="Connection refused"):
        ask(tmp_path, "status")


def test_who_may_not_ask_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(VipalivedError) as caught:
        ask(tmp_path, "status")
    assert caught.value.message == f"the agent at `{tmp_path}/agent.sock` may not be asked: Permission denied"
    assert caught.value.exit_code == ExitCode.PERMISSION


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "does not answer within 0.1 s"),
        (b"", "broke off its answer"),
        (b'{"answer": {"no', "broke off its answer"),
        (b'{"error": "not now"}\n', "the agent refuses: not now"),
    ],
)
def test_an_agent_that_does_not_answer_is_told_of(
    answer: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PATIENCE", 0.1)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent.sock"))
        agent.listen()
        thread = threading.Thread(target=answer_once, args=(agent, answer))
        thread.start()
        with pytest.raises(VipalivedError, match=message):
            ask(tmp_path, "status")
        thread.join(5)


def answer_once(agent: socket.socket, answer: bytes | None) -> None:
    connection, _ = agent.accept()
    with connection:
        connection.recv(100)
        if answer is not None:
            connection.sendall(answer)
        else:
            connection.recv(100)
