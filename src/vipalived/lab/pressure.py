"""A busy machine: processes that never rest, and a CPU quota on the nodes' daemons by control groups.

The quota is what the contract's `resources` make of a container: a limit of 100m.
Control groups outlive processes and cannot be had inside the sandbox alone, so `offer` makes sure that
whoever made them is outlived by somebody who removes them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PERIOD_US, _QUOTA_US = 100_000, 10_000
_ROOT = Path("/sys/fs/cgroup")
_SPIN = "while :; do :; done"
_JOIN = 'echo $$ > "$0/cgroup.procs"; exec "$@"'
_REMOVE = """
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rmdir "$1"-* 2>/dev/null
    [ -e "$1"-0 ] || exit 0
    sleep 0.1
done
"""
"""Waits for the end of its input, which is the lab's own; the last process may take a moment to be gone."""


@contextmanager
def busy() -> Iterator[None]:
    """As many processes as there are cores, each wanting a whole one."""
    spinners = [
        subprocess.Popen(["sh", "-c", _SPIN], stdin=subprocess.DEVNULL) for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


@dataclass(frozen=True, slots=True)
class Quota:
    """How daemons are limited: `groups` is the common beginning of the control groups' names.

    None where there are no control groups to be had; `refused` says why.
    """

    groups: str | None = None
    refused: str = "no CPU quota was asked for"

    @property
    def says(self) -> str:
        """For the marks of a trial."""
        return f"without a CPU quota: {self.refused}" if self.groups is None else "a CPU quota of 0.1"

    def limit(self, index: int, pids: Iterable[int]) -> None:
        """Puts the processes into the group of this number."""
        if self.groups is None:
            return
        group = Path(f"{self.groups}-{index}")
        _make(group)
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))


def within(group: Path, command: Sequence[str]) -> list[str]:
    """The words that start a command in a control group, where it is from its first moment."""
    return ["sh", "-c", _JOIN, str(group), *command]


def _make(group: Path) -> None:
    """A control group with the quota; either version of the kernel's interface. Raises OSError."""
    group.mkdir(exist_ok=True)
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{_QUOTA_US} {_PERIOD_US}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(_QUOTA_US))


@contextmanager
def offer() -> Iterator[Quota]:
    """A quota for the lab that is about to run, if the machine and our rights allow one.

    A small shell removes the groups when this process is gone, however it ends.
    """
    groups = str((_ROOT / "cpu" if (_ROOT / "cpu").is_dir() else _ROOT) / f"vipalived-lab-{os.getpid()}")
    try:
        _make(Path(f"{groups}-0"))
    except OSError as error:
        Path(f"{groups}-0").rmdir() if Path(f"{groups}-0").is_dir() else None
        yield Quota(None, f"control groups are out of reach ({error.strerror})")
        return
    remover = subprocess.Popen(
        ["sh", "-c", _REMOVE, "sh", groups], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield Quota(groups)
    finally:
        remover.communicate()
