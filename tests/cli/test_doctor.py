"""The doctor's screen, whole, and its exit codes; what it finds is for `tests/netns/test_doctor.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from vipalived.cli.main import run
from vipalived.doctor import examine as examining
from vipalived.doctor.finding import Finding, error, ok, skipped, warning
from vipalived.doctor.scene import Scene, look
from vipalived.render import agent_container

FINDINGS = (
    ok("interface", "eth0 is up and has carrier"),
    error(
        "vrid",
        "198.18.0.7 advertises virtual router 51",
        "two are taken for one",
        "take another `virtualRouterId`",
    ),
    warning(
        "cpu limit", "found 100m and 0.05", "", "remove `limits.cpu`, " + "and say so at some length, " * 4
    ),
    skipped("nodes", "no `--kubeconfig` was given"),
)
SCREEN = """\
cp-1: 198.18.0.100/24 on eth0, virtual router 51

ok       interface     eth0 is up and has carrier
error    vrid          198.18.0.7 advertises virtual router 51
                       why: two are taken for one
                       hint: take another `virtualRouterId`
warning  cpu limit     found 100m and 0.05
                       hint: remove `limits.cpu`, and say so at some length, and
                             say so at some length, and say so at some length,
                             and say so at some length,
skipped  nodes         no `--kubeconfig` was given

1 error, 1 warning, 1 ok, 1 skipped
"""
ARGUMENTS = ("doctor", "--node", "cp-1", "--set", "keepalived.vrrpInstance.virtualIpAddress=198.18.0.100/24")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the doctor finds, in place of what there is on this machine."""
    findings = list(FINDINGS)

    def examine(
        settings: object, warnings: object, node: str, root: Path, _: object
    ) -> tuple[Scene, Iterator[Finding]]:
        return look(settings, node, root), iter(findings)  # type: ignore[arg-type]

    monkeypatch.setattr(examining, "examine", examine)
    monkeypatch.setenv("COLUMNS", "80")
    return findings


def test_the_screen_tells_the_severity_and_what_to_do(
    found: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ARGUMENTS) == 1
    assert capsys.readouterr() == (SCREEN, "")


def test_warnings_alone_are_no_failure(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    del found[1]
    assert run(ARGUMENTS) == 0
    assert capsys.readouterr().out.endswith("\n\nno errors, 1 warning, 1 ok, 1 skipped\n")


def test_json_has_the_same(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*ARGUMENTS, "-o", "json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["findings"][1] == {
        "check": "vrid",
        "severity": "error",
        "seen": "198.18.0.7 advertises virtual router 51",
        "why": "two are taken for one",
        "hint": "take another `virtualRouterId`",
    }
    del said["findings"]
    assert said == {"node": "cp-1", "interface": "eth0", "vrid": 51, "vips": ["198.18.0.100/24"]}


def test_bad_values_are_told_as_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--set", "keepalived.vrrpVersion=4"]) == 2
    assert capsys.readouterr() == (
        "",
        "error: keepalived.vrrpVersion: expected 2 or 3, found the number `4`\n",
    )


def test_the_values_of_the_pod_are_taken(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    text = "{keepalived: {vrrpInstance: {interface: eth1, virtualRouterId: 7}}, nodes: {cp-2: {interface: eth2}}}"
    assert run(["doctor", "--values-text", text, "--node", "cp-2"]) == 1
    assert capsys.readouterr().out.startswith("cp-2: 172.16.101.101/32 on eth2, virtual router 7\n")


def test_in_the_pod_its_own_values_are_the_default(
    found: list[Finding], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("keepalived: {vrrpInstance: {virtualRouterId: 9}}")
    monkeypatch.setattr(agent_container, "VALUES_FILE", str(file))
    run(["doctor", "--node", "cp-1"])
    assert capsys.readouterr().out.startswith("cp-1: 172.16.101.101/32 on eth0, virtual router 9\n")
    other = tmp_path / "other.yaml"
    other.write_text("{}")
    run(["doctor", "--node", "cp-1", "-f", str(other)])
    assert capsys.readouterr().out.startswith("cp-1: 172.16.101.101/32 on eth0, virtual router 51\n")
