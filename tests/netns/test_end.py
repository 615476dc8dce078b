"""However the lab ends, it ends whole; and who may not run it is told why."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = pytest.mark.netns


def marked(token: str) -> list[int]:
    """The processes that were started with this word in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def traces() -> list[str]:
    """What of the lab can be seen outside: links, files, mounts."""
    links = [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith("lab0")]
    files = [str(path) for path in Path("/run").glob("vipalived-lab*")]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if "vipalived-lab" in line]
    groups = list(map(str, Path("/sys/fs/cgroup").glob("cpu/vipalived-lab-*")))
    groups += map(str, Path("/sys/fs/cgroup").glob("vipalived-lab-*"))
    return links + files + mounts + groups


def test_sigkill_leaves_nothing_behind(lab: Lab) -> None:
    token = str(uuid.uuid4())
    with lab.start(token, "--scenario", "stop", "--repeat", "50") as process:
        # two processes outside, then inside: the command, the watch, a client or two, two servers and
        # at least a keepalived for each of three nodes
        until(lambda: len(marked(token)) >= 14, 30, "the nodes' daemons to run")
        process.kill()
        process.wait()
        until(lambda: not marked(token), 2, "every process to be gone")
    assert traces() == []


def test_sigkill_under_load_leaves_neither_spinners_nor_control_groups(lab: Lab) -> None:
    token = str(uuid.uuid4())
    with lab.start(token, "--engine", "native", "--scenario", "load") as process:
        until(lambda: any(b"while :" in words for words in commands(token)), 60, "the machine to be busy")
        process.kill()
        process.wait()
        until(lambda: not marked(token), 5, "every process to be gone")
    assert traces() == []


def commands(token: str) -> list[bytes]:
    """The command lines of the marked processes."""
    found = []
    for pid in marked(token):
        with suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes())
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupt_shows_what_was_measured(lab: Lab, number: signal.Signals) -> None:
    token, report = str(uuid.uuid4()), lab.report
    with lab.start(token, "--scenario", "stop", "--repeat", "50") as process:
        until(lambda: report.exists() and report.stat().st_size > 0, 60, "the first trial to be written")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted: the figures are of the trials that were finished" in err
    assert "Traceback" not in err
    assert "stop" in out
    assert 1 <= len(json.loads(report.read_text())["trials"]) < 50
    until(lambda: not marked(token), 2, "every process to be gone")


def unprivileged() -> list[str]:
    """Words that make a command run without any privilege."""
    if os.geteuid() != 0:
        return []
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    inside = ["unshare", "--user", "--map-root-user", "--", sys.executable, "-c", "import vipalived.cli.main"]
    reachable = subprocess.run([*nobody, *inside], capture_output=True, check=False)
    if reachable.returncode == 0:
        return nobody
    # Only root may read this interpreter; a user namespace without capabilities keeps that and no more.
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]


def test_without_any_privilege(lab: Lab) -> None:
    # pytest's directories are their owner's alone
    with tempfile.TemporaryDirectory() as place:
        lab.report = Path(place) / "report.json"
        Path(place).chmod(0o777)
        run = lab(*lab.ONE_BACKUP, "--scenario", "stop", before=unprivileged())
    assert run.code == 0, run.err
    assert run.trials["stop"]["lost"] >= lab.LEAST


def test_a_kernel_that_allows_no_namespaces_is_exit_4_with_a_hint(lab: Lab) -> None:
    assert shutil.which("unshare")
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    run = lab(
        "--scenario", "stop", before=["unshare", "--user", "--map-root-user", "--", "sh", "-ec", forbid, "sh"]
    )
    assert run.code == 4
    assert run.err.startswith("error: cannot create namespaces: ")
    assert "hint: the kernel must allow user namespaces" in run.err
