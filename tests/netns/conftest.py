"""The lab as a command, for tests that need namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vipalived.errors import VipalivedError
from vipalived.lab import sandbox
from vipalived.lab.engines import engine

COMMAND = [sys.executable, "-c", "from vipalived.cli.main import main; main()", "lab", "run"]
FAST = ["--set", "keepalived.vrrpInstance.advertInt=0.1"]
ENVIRONMENT = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"}
"""The tests' own stand-ins for keepalived call it and `ip`, which Debian keeps off a user's PATH."""
LONGEST = 120.0
"""Seconds for a few trials at 0.1 s: settling takes 10.7 s at the most, recovering 32 s, and most take 2 s."""


@dataclass(frozen=True)
class Run:
    """How a run of the lab ended, and what it wrote."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    @property
    def trials(self) -> dict[str, dict[str, Any]]:
        """The last trial of each scenario: a spoilt one is done again."""
        return {trial["scenario"]: trial for trial in self.report["trials"]}


@pytest.fixture(scope="session", autouse=True)
def _namespaces() -> None:
    """Says why where the lab cannot run; in CI that is a failure."""
    refuse = pytest.fail if os.environ.get("CI") else pytest.skip
    try:
        engine("keepalived").version()
        sandbox.check()
    except VipalivedError as error:
        refuse(f"{error.message}; {error.hint}")


class Lab:
    """The command, with fast values."""

    LEAST = 20
    """Milliseconds that keepalived's planned stop costs at the least: a third of the Skew_Time, as a busy machine takes
    the address off a stopped node late."""

    ONE_BACKUP = ("--nodes", "2")
    """Where keepalived is held to its bound. Of several Backups of one priority two claim together now and then, and
    the loser's kernel, which answers a client, may tell it of the VIP after the winner did: that costs a second."""

    def __init__(self, place: Path) -> None:
        self.report = place / "report.json"

    def __call__(self, *options: str, before: Sequence[str] = ()) -> Run:
        """Runs it to its end; `before` are words that run the words behind them."""
        self.report.unlink(missing_ok=True)
        words = [*before, *COMMAND, *FAST, "--json", str(self.report), *_with_engine(options)]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=LONGEST, check=False, env=ENVIRONMENT
        )
        text = self.report.read_text() if self.report.exists() else "{}"
        assert text, f"the lab ended with {done.returncode} and left its report empty:\n{done.stderr}"
        return Run(done.returncode, done.stdout, done.stderr, json.loads(text))

    def start(self, token: str, *options: str) -> subprocess.Popen[str]:
        """Starts it; all its processes have the token in their environment."""
        return subprocess.Popen(
            [*COMMAND, *FAST, "--json", str(self.report), *_with_engine(options)],
            env=ENVIRONMENT | {"VIPALIVED_TEST": token},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _with_engine(options: Sequence[str]) -> list[str]:
    """keepalived, where nothing else is asked for: it is the reference. Mixed scenarios bring their engines along."""
    chosen = {"--engine", "--keepalived", "mixed-stop", "mixed-crash"} & set(options)
    return list(options) if chosen else ["--engine", "keepalived", *options]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """The lab as a command."""
    return Lab(tmp_path)
