"""What cannot be written or read is one sentence and exit code 1 (2 for the values), never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples import VIP

FULL = "error: the output cannot be written: No space left on device\n"
COMMANDS = (
    *(f"{command} --set {VIP}" for command in ("check", "values", "template", "static-pod", "config")),
    "schema",
    "--help",
    "--version",
    "lab run --help",
)


def vipalived(words: str, redirect: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell runs it."""
    command = f'exec "$0" -m vipalived {words} {redirect}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(command: str) -> None:
    done = vipalived(command, "> /dev/full")
    assert (done.returncode, done.stderr) == (1, FULL)


def test_a_closed_output() -> None:
    done = vipalived("values", ">&-")
    assert (done.returncode, done.stderr) == (1, "error: standard output is closed, and results go there\n")


def test_a_reader_that_has_had_enough() -> None:
    done = vipalived("schema", "| head -n 1")
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_closed_input() -> None:
    done = vipalived("check -f -", "<&-")
    assert (done.returncode, done.stderr) == (2, "error: `-` cannot be read: standard input is closed\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--json -", "`--json` writes a file, and `-` would be one of that name"),
        ("--html -", "`--html` writes a file, and `-` would be one of that name"),
        ("--json a --html ./a", "`--json` and `--html` would both write `a`"),
        ("--keep-logs {used}", "`--keep-logs` expects a new or an empty directory, and `{used}` is not"),
    ],
)
def test_the_lab_writes_where_somebody_will_look(options: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    done = vipalived(f"lab run --engine native {options.format(used=tmp_path)}", "")
    assert (done.returncode, done.stdout) == (2, "")
    assert message.format(used=tmp_path) in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--engine native --keepalived /bin/k",
            "`--keepalived` names a program that no engine of this run starts",
        ),
        (
            "--set engine=native --keepalived k",
            "`--keepalived` names a program that no engine of this run starts",
        ),
        (
            "--scenario mixed --engine native",
            "`mixed` brings both engines along, and `--engine` would do nothing",
        ),
        (
            "--nodes 2 --set nodes.a.priority=1,nodes.b.priority=2,nodes.c.priority=3",
            "`--nodes 2` leaves out some of the 3 nodes that the values name",
        ),
    ],
)
def test_the_lab_takes_no_option_that_would_do_nothing(options: str, message: str) -> None:
    done = vipalived(f"lab run {options}", "")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--json /nowhere/a", "error: `/nowhere/a` cannot be written: No such file or directory\n"),
        ("--html /proc/a", "error: `/proc/a` cannot be written: No such file or directory\n"),
        ("--keep-logs /dev/null/a", "error: `/dev/null/a` cannot be made: Not a directory\n"),
    ],
)
def test_the_lab_says_at_once_what_it_cannot_write(options: str, message: str) -> None:
    done = vipalived(f"lab run --engine native {options}", "")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(message)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            "--set engine=native --json /nowhere/a",
            "rehearsing native, as the values deploy it; `--engine` rehearses another\n",
        ),
        ("--scenario mixed --keepalived /nowhere/keepalived", "error: "),
    ],
)
def test_the_lab_says_which_engine_the_values_deploy_where_that_is_what_runs(options: str, told: str) -> None:
    assert vipalived(f"lab run {options}", "").stderr.startswith(told)
