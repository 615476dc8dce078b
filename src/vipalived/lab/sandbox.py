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
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from vipalived.errors import MissingRequirement, PermissionMissing

_USERS = 1 << 16
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


def _open(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """`command` as process 1 of new namespaces.

    The user namespace comes first, in a step of its own: gaining capabilities in it would
    clear the parent-death signal that the second step needs.
    """
    inner = [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
        *command,
    ]
    if os.geteuid() != 0:
        own = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--", *inner]
        return subprocess.Popen(own, text=True, **options)
    return _open_with_users(["unshare", "--net", "--mount", "--", *inner], **options)


def _open_with_users(
    command: Sequence[str], pass_fds: Sequence[int] = (), **options: Any
) -> subprocess.Popen[str]:
    """In a user namespace that has the machine's users, which only root can make.

    keepalived runs its check scripts only where groups may be set, and that a user's own namespace forbids.
    """
    reading, writing = os.pipe()
    waits = [
        "unshare",
        "--user",
        "--",
        "sh",
        "-c",
        f'read -r _ </proc/self/fd/{reading}; exec "$@"',
        "sh",
        *command,
    ]
    try:
        child = subprocess.Popen(waits, text=True, pass_fds=(*pass_fds, reading), **options)
        while child.poll() is None and _users_of(child.pid) == _users_of("self"):
            time.sleep(0.001)
        if child.poll() is None:
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{child.pid}/{name}").write_text(f"0 0 {_USERS}")
            os.write(writing, b"\n")
        return child
    finally:
        os.close(reading)
        os.close(writing)


def _users_of(process: int | str) -> Path:
    """What names its user namespace."""
    return Path(f"/proc/{process}/ns/user").readlink()


def check() -> None:
    """Raises when namespaces cannot be had here, with what to do about it."""
    require_programs(_PROGRAMS, "util-linux")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with _open(["mount", "-t", "tmpfs", "tmpfs", "/run"], **pipes) as probe:
        _, said = probe.communicate()
    if probe.returncode:
        reason = (said.strip().splitlines() or ["no reason given"])[0]
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
    with _open(command, pass_fds=descriptors, process_group=0) as child:

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
