"""An agent's first moments beside strangers, and an interface that it chooses; the stories are in `newcomer.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.untimed]

STORIES = Path(__file__).with_name("newcomer.py")


@pytest.mark.parametrize(
    "story", ["answering", "other_vips", "stranger", "known_master", "restarted", "switched_off", "automatic"]
)
def test_with_another_host_on_the_link(story: str) -> None:
    namespaces = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")
    words = ("unshare", *namespaces, "--mount-proc", "--", sys.executable, "-P", str(STORIES), story)
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
