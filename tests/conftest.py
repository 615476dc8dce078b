"""What tests of every kind share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
_GIVING_WAY = 10
"""Of the scheduler's niceness: a tenth of the usual share of a core that is wanted twice."""


def pytest_configure() -> None:
    """What the tests start can be interrupted, even where a shell in the background started the tests without."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several workers one gets all that measures time in namespaces: two at once would be in each other's way."""
    for item in items:
        timed = item.get_closest_marker("netns") and not item.get_closest_marker("untimed")
        if timed or item.get_closest_marker("containers"):
            item.add_marker(pytest.mark.xdist_group("namespaces"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Whatever runs beside that gives way to it; the group comes first, and what has given way once goes on so."""
    if "PYTEST_XDIST_WORKER" in os.environ and not item.get_closest_marker("xdist_group"):
        os.nice(max(0, _GIVING_WAY - os.nice(0)))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Without coverage where a test is marked so: in a worker pytest-cov ends only one of two measurements."""
    tracer = sys.gettrace()
    if item.get_closest_marker("no_cover"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask make, whatever the make that runs these tests has put into the environment."""
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )


def lacking(reason: str) -> NoReturn:
    """Skips what cannot run here; CI must not turn green because a download failed."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def find_helm(major: int) -> Path:
    """A real Helm of that major version."""
    return _provided(str(major))


def _provided(what: str) -> Path:
    command = [sys.executable, str(ROOT / "tools" / "helm.py"), what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lacking(done.stderr.strip() or f"{command[1]} failed")
    return Path(done.stdout.strip())


@pytest.fixture(scope="session", params=[3, 4], ids=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Path:
    """A real Helm; the test runs once with each major version."""
    return find_helm(request.param)


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """A real kubectl."""
    return _provided("kubectl")
