"""Two agents on one node, while a client asks for the VIP; the stories are in `succession.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

STORIES = Path(__file__).with_name("succession.py")


@pytest.mark.parametrize(
    "story", ["handed_over", "others_values", "standing_still", "changed_meanwhile", "by_another_name"]
)
def test_two_on_one_node(story: str) -> None:
    namespaces = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")
    words = ("unshare", *namespaces, "--mount-proc", "--", sys.executable, "-P", str(STORIES), story)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
