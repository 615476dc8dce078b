"""A network namespace of the tests' own, in which a real keepalived judges configurations.

Run as a program it is the worker inside: one JSON list of arguments a line on stdin, one JSON answer a line on
stdout. keepalived refuses an interface that does not exist, and loopback, so the worker makes veth pairs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Verdict:
    """How a program ended and all that it said."""

    code: int
    said: str


class Namespace:
    """A worker process in a user and network namespace of its own."""

    def __init__(self, worker: subprocess.Popen[str], directory: Path) -> None:
        self.worker, self.file = worker, directory / "keepalived.conf"

    def run(self, *arguments: str) -> Verdict:
        """Run a program inside and wait for it."""
        assert self.worker.stdin
        assert self.worker.stdout
        self.worker.stdin.write(json.dumps(arguments) + "\n")
        self.worker.stdin.flush()
        return Verdict(*json.loads(self.worker.stdout.readline()))

    def start(self, *arguments: str, environment: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
        """Start a program inside; what it says goes to a file."""
        enter = (
            "nsenter",
            f"--target={self.worker.pid}",
            "--user",
            "--net",
            "--mount",
            "--preserve-credentials",
        )
        path = {"PATH": os.environ["PATH"]}
        words = [*enter, "env", *(f"{name}={value}" for name, value in environment.items()), *arguments]
        with output.open("wb") as said:
            return subprocess.Popen(words, env=path, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def judge(self, configuration: str, node: str) -> Verdict:
        """What `keepalived --config-test` says to a configuration on one node."""
        self.file.write_text(configuration, encoding="utf-8")
        return self.run("keepalived", "--config-test", f"--use-file={self.file}", f"--config-id={node}")


def missing() -> str:
    """Why there can be no namespace here; empty when there can."""
    for program in ("unshare", "ip", "keepalived"):
        if shutil.which(program) is None:
            return f"`{program}` is not on PATH"
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip()


_UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")


@contextmanager
def namespace(directory: Path, interfaces: Sequence[str]) -> Iterator[Namespace]:
    """A namespace with these interfaces; skips the test where there can be none, but never in CI."""
    if reason := missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no network namespace: {reason}")
    command = [*_UNSHARE, sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        inside = Namespace(worker, directory)
        # keepalived keeps its pid files here, and nothing may reach the host's.
        made = [["mount", "-t", "tmpfs", "tmpfs", "/run"]]
        made += [
            ["ip", "link", "add", name, "type", "veth", "peer", "name", f"peer{index}"]
            for index, name in enumerate(interfaces)
        ]
        made += [["ip", "link", "set", name, "up"] for name in interfaces]
        for arguments in made:
            verdict = inside.run(*arguments)
            assert verdict.code == 0, f"{arguments}: {verdict.said}"
        yield inside
        assert worker.stdin
        worker.stdin.close()


def _work() -> None:
    for line in sys.stdin:
        done = subprocess.run(json.loads(line), capture_output=True, text=True, check=False, timeout=60)
        sys.stdout.write(json.dumps([done.returncode, done.stdout + done.stderr]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _work()
