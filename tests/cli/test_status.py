"""`vipalived status`, `release` and `rejoin` as a user meets them, with an agent that answers on its socket."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.agent.serving import Controls, serving, until
from tests.agent.story import MIDNIGHT, Story
from vipalived.agent.control import Control
from vipalived.cli.main import run


class Agent(Controls):
    """One that obeys at once."""

    def release(self, seconds: float | None, *, force: bool) -> None:
        super().release(seconds, force=force)
        ledger = self.story.ledger
        ledger.released(float("inf") if seconds is None else self.story.now + seconds)
        ledger.state("INITIALIZE", "released")
        ledger.held(())


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """A good Master."""
    story = Story()
    story.is_master()
    made = Agent(story)
    monkeypatch.setenv("VIPALIVED_RUN_DIR", str(tmp_path))
    with serving(Control(tmp_path, made, lambda *_: None).serve):
        until((tmp_path / "agent.sock").exists)
        yield made


def test_the_exit_code_says_whether_all_is_well(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("cp-1 is MASTER since 00:00:00 UTC, for 0 ms (master-down-expired)\n\n  VIP ")
    assert err == ""
    agent.story.ledger.held(())
    assert run(["status"]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("\n! it is Master, but 198.18.0.100/24 is not on eth0\n")
    assert err == ""


def test_wide_has_more(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "-o", "wide"]) == 0
    assert "\nTransitions\n" in capsys.readouterr().out


def test_programs_get_json_or_yaml(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "-o", "json"]) == 0
    now = json.loads(capsys.readouterr().out)
    assert (now["state"], now["good"], now["since"]) == ("MASTER", True, MIDNIGHT)
    assert now["master"] == {"address": "198.18.0.1", "priority": 100, "ours": True, "age": 0.0}
    assert now["vips"] == [{"address": "198.18.0.100/24", "held": True}]
    assert run(["status", "-o", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == now


def test_no_agent_is_told_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("status", "release", "rejoin"):
        assert run([command, "--run-dir", str(tmp_path)]) == 1
        assert capsys.readouterr() == (
            "",
            (
                f"error: no agent answers at `{tmp_path}/agent.sock`: No such file or directory\n"
                "  hint: where it runs elsewhere, name its directory by `--run-dir`;"
                " in a cluster: `kubectl -n NAMESPACE exec POD -- vipalived status`\n"
            ),
        )


def test_who_may_not_ask_gets_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert run(["status", "--run-dir", str(tmp_path)]) == 4
    assert capsys.readouterr().err.endswith("  hint: run it as the agent's user, often root\n")


def test_watching_is_for_humans(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--watch", "-o", "json"]) == 2
    assert "`--watch` shows `text` or `wide` only" in capsys.readouterr().err


def test_watching_goes_on_until_ctrl_c(agent: Agent, tmp_path: Path) -> None:
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "vipalived", "status", "--watch"]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    try:
        seen = read_until(ours, b"MASTER")
        agent.story.ledger.state("BACKUP", "better-claim-heard")
        seen += read_until(ours, b"BACKUP")
        process.send_signal(signal.SIGINT)
        seen += read_until(ours, b"interrupted")
        assert process.wait(10) == 130
        assert b"Traceback" not in seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, word: bytes) -> bytes:
    seen, end = b"", time.monotonic() + 20
    while word not in seen:
        assert time.monotonic() < end
        seen += os.read(terminal, 65536)
    return seen


# release and rejoin


@pytest.mark.parametrize(
    ("arguments", "seconds", "until_"),
    [
        ([], None, ""),
        (["--for", "30s"], 30.0, " until 00:00:30 UTC"),
        (["--for", "1h30m"], 5400.0, " until 01:30:00 UTC"),
        (["--for", "1.5d"], 129600.0, " until 2026-02-01 12:00:00 UTC"),
    ],
)
def test_release_says_who_is_master_now(
    arguments: list[str],
    seconds: float | None,
    until_: str,
    agent: Agent,
    capsys: pytest.CaptureFixture[str],
) -> None:
    agent.story.heard()
    assert run(["release", *arguments]) == 0
    assert agent.asked == [(seconds, False)]
    assert capsys.readouterr() == (f"released{until_}: 198.18.0.2 is Master\n", "")


def test_release_with_nobody_to_take_over_says_that(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["release"]) == 0
    assert capsys.readouterr().out == "released: no other Master has been heard\n"


def resigning(agent: Agent, seconds: float | None, *, force: bool) -> None:
    del seconds, force
    agent.story.ledger.released(float("inf"))
    agent.story.ledger.state("RESIGNING", "released")


def test_release_waits_until_the_node_is_out(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            agent.story.heard()
            agent.story.ledger.state("INITIALIZE", "successor-owns")

    monkeypatch.setattr(Agent, "release", resigning)
    monkeypatch.setattr("vipalived.cli.status.time", SimpleNamespace(monotonic=lambda: 0.0, sleep=sleep))
    assert run(["release"]) == 0
    assert len(waits) == 3
    assert capsys.readouterr().out == "released: 198.18.0.2 is Master\n"


def test_where_nobody_takes_the_vip_the_node_keeps_it_and_says_so(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sleep(_: float) -> None:
        agent.story.ledger.released(None)
        agent.story.ledger.state("MASTER", "claim-unopposed")

    monkeypatch.setattr(Agent, "release", resigning)
    monkeypatch.setattr("vipalived.cli.status.time", SimpleNamespace(monotonic=lambda: 0.0, sleep=sleep))
    assert run(["release"]) == 1
    assert capsys.readouterr() == (
        "",
        (
            "error: not released: nobody else took the VIP, and this node is MASTER\n"
            "  hint: `vipalived observe` and the status of the other nodes say why;"
            " `--force` lets the VIP go regardless\n"
        ),
    )


def test_force_is_the_agents_to_obey(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["release", "--force", "--for", "1m"]) == 0
    assert agent.asked == [(60.0, True)]
    assert capsys.readouterr().out == "released until 00:01:00 UTC: no other Master has been heard\n"


@pytest.mark.parametrize("command", ["release", "rejoin"])
def test_it_waits_no_longer_than_it_may(
    command: str, agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now, waits = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += 1.0
        waits.append(seconds)

    monkeypatch.setattr(Agent, "release", resigning)
    if command == "rejoin":
        agent.story.ledger.state("CLAIMING", "rejoined")
    monkeypatch.setattr("vipalived.cli.status.time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    assert run([command, "--timeout", "3s"]) == 1
    assert len(waits) == 4
    said = {
        "release": "error: released, but this node is still RESIGNING\n",
        "rejoin": "error: rejoined, but an election is under way\n",
    }
    assert capsys.readouterr() == ("", said[command])


def test_a_node_that_does_not_get_out_is_told_of(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice 3 s and 156 / 256 s are the longest that it waits."""
    monkeypatch.setattr(Agent, "release", resigning)
    now = 100.0
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += 1.0
        waits.append(seconds)

    monkeypatch.setattr("vipalived.cli.status.time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    assert run(["release"]) == 1
    assert len(waits) == 8
    assert capsys.readouterr() == ("", "error: released, but this node is still RESIGNING\n")


@pytest.mark.parametrize("wrong", ["10", "m", "10 m", "-5s", "1x", "", "1m1", "nan"])
def test_a_duration_needs_its_units(wrong: str, agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["release", "--for", wrong]) == 2
    message = f"expected a duration like `30s`, `10m` or `1h30m`, found `{wrong}`"
    assert message in capsys.readouterr().err
    assert agent.asked == []


def test_a_release_that_is_too_long_is_the_agents_to_refuse(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["release", "--for", "366d"]) == 1
    assert capsys.readouterr().err.startswith("error: the agent refuses: expected more than 0 and at most ")


def test_rejoin_reaches_the_agent(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rejoin"]) == 0
    assert agent.asked == ["rejoin"]
    assert capsys.readouterr() == ("rejoined: this node is Master\n", "")
    agent.story.ledger.state("BACKUP", "better-claim-heard")
    agent.story.heard()
    assert run(["rejoin"]) == 0
    assert capsys.readouterr().out == "rejoined: 198.18.0.2 is Master\n"
    agent.story.ledger.state("WAITING", "another-instance-on-this-node")
    assert run(["rejoin"]) == 0
    assert capsys.readouterr().out == "rejoined: another instance acts on this node\n"


@pytest.mark.parametrize("command", ["status", "release", "rejoin"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"  vipalived {command}\n" in capsys.readouterr().out


def test_a_probe_loads_no_more_than_it_needs(agent: Agent) -> None:
    script = (
        "import sys; from vipalived.cli.main import run; code = run(['status']); "
        "heavy = {'asyncio', 'logging', 'pydantic', 'pyroute2', 'prometheus_client', 'h11', 'rich', 'yaml', "
        "'importlib.metadata'} & set(sys.modules); print(code, sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == "0 []\n"
