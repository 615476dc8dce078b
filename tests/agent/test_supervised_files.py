"""The directory that keepalived and the agent share."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from vipalived.agent.supervised.files import Files

VIPS = frozenset(map(ip_address, ("198.18.0.100", "2001:db8::100")))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path / "run")
    made.make()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_they_are_nobody_else_s(files: Files) -> None:
    files.write(files.configuration, "auth_pass s3cret\n")
    assert (mode(files.directory), mode(files.configuration), mode(files.fifo)) == (0o700, 0o600, 0o600)
    assert files.configuration.read_text() == "auth_pass s3cret\n"


def test_a_file_is_replaced_as_a_whole(files: Files) -> None:
    files.write(files.track_file, "0\n")
    with files.track_file.open() as before:
        files.write(files.track_file, "-99\n")
        assert before.read() == "0\n"
    assert files.track_file.read_text() == "-99\n"


def test_the_fifo_is_a_new_one(files: Files) -> None:
    files.fifo.unlink()
    files.fifo.write_text("history")
    files.make()
    assert stat.S_ISFIFO(files.fifo.stat().st_mode)


def test_addresses_are_remembered(files: Files) -> None:
    assert files.remembered() == frozenset()
    files.remember(VIPS)
    assert files.remembered() == VIPS
    (files.directory / "addresses").write_text("rubbish\n")
    assert files.remembered() == frozenset()


def test_a_predecessor_is_a_process_that_runs_with_these_files(files: Files) -> None:
    assert list(files.predecessors()) == []
    main, vrrp = files.pid_files
    main.write_text(f"{os.getpid()}\n")  # another program that has got the number
    vrrp.write_text("rubbish\n")
    assert list(files.predecessors()) == []
    words = [sys.executable, "-c", "input()", "-f", str(files.configuration)]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        vrrp.write_text(f"{process.pid}\n")
        # The kernel closes what Popen waits for before it has the new program's words.
        deadline = time.monotonic() + 5.0
        while list(files.predecessors()) != [process.pid]:
            assert time.monotonic() < deadline
        process.communicate(b"\n")
    assert list(files.predecessors()) == []
    files.forget_pids()
    assert not main.exists()
