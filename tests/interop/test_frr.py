"""The native engine and FRR's vrrpd on one segment, each in turn the Master: run by `make interop`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.routers import missing
from tests.interop.stories import CASES, STORIES
from tests.netns.telling import NAMESPACES

pytestmark = [pytest.mark.frr, pytest.mark.skipif(bool(missing()), reason=str(missing()))]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("story", list(STORIES))
@pytest.mark.parametrize("case", list(CASES))
def test_each_succeeds_the_other(case: str, story: str) -> None:
    """A stop and a kill of each, a preemption by each; every packet right, every takeover in its time."""
    command = [*NAMESPACES, sys.executable, "-m", "tests.interop.stories", case, story]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["takeovers"]) == {"stop", "kill"}
    assert all(count > 0 for count in found["adverts"].values())
