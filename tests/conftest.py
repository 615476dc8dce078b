"""What tests of every kind share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", params=[3, 4], ids=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Path:
    """A real Helm; the test runs once with each major version."""
    command = [sys.executable, str(ROOT / "tools" / "helm.py"), str(request.param)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip() or f"{command[1]} failed"
        # CI must not turn green because a download failed.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return Path(done.stdout.strip())
