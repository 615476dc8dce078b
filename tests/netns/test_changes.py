"""A host and values that change under an agent; the stories are in `changes.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.untimed]

STORIES = Path(__file__).with_name("changes.py")
NAMESPACES = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")


@pytest.mark.parametrize("story", ["mtu", "taken_back", "promoted", "no_ethernet", "crowd", "many"])
def test_what_changes_under_an_agent(story: str) -> None:
    words = ("unshare", *NAMESPACES, "--mount-proc", "--", sys.executable, "-P", str(STORIES), story)
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
