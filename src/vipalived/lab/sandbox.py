"""Re-runs a command inside namespaces of its own, so that its world ends when it does, however it ends.

The chain is: this process, its child `unshare`, and the command as process 1 of a PID namespace. Each
gets SIGKILL from the kernel when its parent dies, and the death of process 1 takes everything with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from vipalived.errors import MissingRequirement, PermissionMissing

_PROGRAMS = ("unshare", "setpriv", "nsenter", "mount")
_HINT = (
    "the kernel must allow user namespaces: check `sysctl user.max_user_namespaces` and, on Ubuntu, "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns`; in a container, run it with "
    "`--privileged`; or run this as root"
)


def require_programs(programs: Sequence[str], package: str) -> None:
    """Raises MissingRequirement for the first of the programs that is not there."""
    for program in programs:
        if shutil.which(program) is None:
            hint = f"install the package `{package}`, e.g. `apt-get install {package}`"
            raise MissingRequirement(f"`{program}` is not installed", hint=hint)


def _chain(command: Sequence[str]) -> list[str]:
    """`command` as process 1 of new namespaces.

    The user namespace comes first, in a step of its own: gaining capabilities in it would
    clear the parent-death signal that the second step needs.
    """
    return [
        *("unshare", "--user", "--map-root-user", "--net", "--mount", "--"),
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
        *command,
    ]


def check() -> None:
    """Raises when namespaces cannot be had here, with what to do about it."""
    require_programs(_PROGRAMS, "util-linux")
    probe = _chain(["mount", "-t", "tmpfs", "tmpfs", "/run"])
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise PermissionMissing(f"cannot create namespaces: {reason}", hint=_HINT)


def inside() -> bool:
    """Whether this process is the first one inside: building anything elsewhere would change the machine."""
    identity_of_everybody = "4294967295"
    return os.getpid() == 1 and identity_of_everybody not in Path("/proc/self/uid_map").read_text().split()


def run(command: Sequence[str], descriptors: Sequence[int] = ()) -> int:
    """Runs the command inside and returns its exit code.

    `descriptors` stay open for it. SIGINT, SIGTERM and SIGHUP are handed on to it as SIGINT, once each,
    so that Ctrl-C ends a run in order; it is in a process group of its own, or it would get them twice.
    """
    with subprocess.Popen(_chain(command), pass_fds=descriptors, process_group=0) as child:

        def hand_on(_signal: int, _frame: FrameType | None) -> None:
            for pid in _children(child.pid):
                os.kill(pid, signal.SIGINT)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, hand_on)
        code = child.wait()
    return code if code >= 0 else 128 - code  # as a shell tells that a signal ended it


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def python(*arguments: str) -> list[str]:
    """This interpreter with the same modules in reach, whatever the working directory holds."""
    return [sys.executable, "-P", *arguments]
