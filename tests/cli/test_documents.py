"""The commands that the documents and `--help` show are commands that exist, and do what is said beside them."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from tests.examples import VIP
from vipalived.cli.main import cli, run

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "charts/vipalived/README.md",
    *(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md")),
)
PURE = {"check", "config", "schema", "static-pod", "template", "values"}
"""What needs neither a host nor a cluster is run; what does is read, and run for its own tests."""
_HERE = re.compile(r"^(?:~|/etc/kubernetes)/(?!manifests)")
_COMMAND = re.compile(r"^(?: {2,}(?:sudo )?(?=vipalived |helm )|(?=helm ))(.+)$", re.MULTILINE)


def commands(text: str) -> Iterator[str]:
    """Each command line, without its continuation, what it is piped to, and what is said beside it."""
    whole = text.replace("\\\n", " ")
    for found in _COMMAND.findall(whole):
        yield found.split(" | ")[0].split(" > ")[0].removesuffix(" |").strip()


def words(command: str) -> list[str]:
    return shlex.split(command, comments=True)[1:]


def told() -> list[str]:
    """All of them, each once."""
    context = click.Context(cli, info_name="vipalived")
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        pages += [one.epilog or "" for one in (command, *inner)]
    pages.append(cli.epilog or "")
    return sorted({command for page in pages for command in commands(page)})


OURS = [command for command in told() if command.startswith("vipalived ")]
HELMS = [command for command in told() if command.startswith("helm ")]


def test_there_are_commands() -> None:
    assert len(OURS) > 40
    assert len(HELMS) > 10
    assert {words(command)[0] for command in OURS} >= PURE | {
        "lab",
        "doctor",
        "observe",
        "status",
        "release",
        "rejoin",
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files that the commands name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    text = f"keepalived: {{vrrpInstance: {{virtualIpAddress: {VIP.rpartition('=')[2]}, interface: eth0}}}}\n"
    for file in ("values.yaml", "site.yaml", "admin.conf", ".kube/config"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("command", OURS)
def test_each_command_of_ours_is_understood(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    context: click.Context = click.Context(cli, info_name="vipalived")
    one: click.Command = cli
    rest = [_HERE.sub("./", word) for word in words(command)]
    while isinstance(one, click.Group):
        found = one.get_command(context, rest[0])
        assert found is not None, rest
        one, name, rest = found, rest[0], rest[1:]
    one.make_context(name, list(rest), parent=context)
    if name in PURE and not {"--out", "--kubeconfig"} & set(rest):
        assert run([name, *rest]) == 0
        assert capsys.readouterr().out


@pytest.mark.parametrize("command", HELMS)
def test_each_command_for_helm_is_understood(command: str, helm: Path, here: Path) -> None:
    """Its options are Helm's, and its values are valid."""
    name, *rest = words(command)
    usage = subprocess.run(
        [helm, name, "--help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    for flag in (word.partition("=")[0] for word in rest if word.startswith("-")):
        assert f"{flag} " in usage or f"{flag}," in usage, usage
    if name not in {"install", "template", "upgrade"}:
        return
    values = [
        part
        for flag, value in pairwise(rest)
        if flag in {"-f", "--values", "--set"}
        for part in (flag, value)
    ]
    chart = str(ROOT / "charts" / "vipalived")
    done = subprocess.run(
        [helm, "template", rest[0], chart, *values],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=here,
    )
    assert done.returncode == 0, done.stderr
    assert "kind: " in done.stdout
