"""An engine under a hostile host and segment; the stories are in `hostile.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

STORIES = Path(__file__).with_name("hostile.py")
NAMESPACES = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")


OF_THE_HOST = ("new_mac", "replaced", "away_and_back", "overrun", "full_log", "early_signals", "mute")
OF_THE_SEGMENT = (
    *("storm_of_losers", "storm_of_bad_checksums", "storm_of_its_own", "storm_of_claims"),
    "storm_at_a_backup",
)


@pytest.mark.parametrize("story", [*OF_THE_HOST, *OF_THE_SEGMENT])
def test_under_a_hostile_host(story: str) -> None:
    words = ("unshare", *NAMESPACES, "--mount-proc", "--", sys.executable, "-P", str(STORIES), story)
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
