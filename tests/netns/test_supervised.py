"""The supervised engine for real, with keepalived alone on a link; the stories are in `supervised.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.netns

STORIES = Path(__file__).with_name("supervised.py")


@pytest.mark.parametrize(
    "story",
    [
        *(
            "stop",
            "dead_alone",
            "dead_succeeded",
            "displacing",
            "patience",
            "killed",
            "orphaned",
            "leftovers",
        ),
        *("reload", "released", "missing", "stray", "two_families", "authenticated", "vanishing"),
    ],
)
def test_with_a_real_keepalived(story: str) -> None:
    namespaces = ("--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")
    words = ("unshare", *namespaces, "--mount-proc", "--", sys.executable, "-P", str(STORIES), story)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
