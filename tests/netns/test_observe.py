"""`vipalived observe` on a segment of real speakers; the stories are in `observing.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.untimed]

STORIES = Path(__file__).with_name("observing.py")


@pytest.mark.parametrize(
    "story", ["everybody", "takeovers", "collision", "wrong_packets", "permission", "streamed"]
)
def test_on_a_segment(story: str) -> None:
    namespaces = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")
    words = ("unshare", *namespaces, "--mount-proc", "--", sys.executable, "-P", str(STORIES), story)
    environment = {key: value for key, value in os.environ.items() if key != "NODE_NAME"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
