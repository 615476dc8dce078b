"""Stories are scripts that run inside namespaces of their own: here a test has one told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NAMESPACES = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid"),
    *("--fork", "--kill-child", "--mount-proc", "--"),
)
"""The command before another one: root, a network and processes of its own, which end with it."""


def tell(script: str, *words: str, seconds: float = 90.0) -> str:
    """What a script beside this file prints; it must end in time, and well."""
    command = [*NAMESPACES, sys.executable, "-P", str(Path(__file__).with_name(script)), *words]
    environment = {key: value for key, value in os.environ.items() if key != "NODE_NAME"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr[-20_000:]
    return done.stdout
