"""A busy machine is busy, a quota limits, and nothing of either is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vipalived.lab.pressure import Quota, busy, offer

# Its control groups must not be seen by those who look for what a dead lab has left.
pytestmark = pytest.mark.xdist_group("namespaces")


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_as_many_processes_as_cores_are_busy_and_none_afterwards() -> None:
    before = children()
    with busy():
        spinners = set(children()) - set(before)
        assert len(spinners) == os.cpu_count()
        deadline = time.monotonic() + 10
        while min(cpu_seconds(int(pid)) for pid in spinners) < 0.1:
            assert time.monotonic() < deadline, "a spinner does not spin"
            time.sleep(0.02)
    assert children() == before


def test_a_quota_is_a_tenth_of_a_core_and_is_gone_afterwards() -> None:
    with offer() as quota:
        if quota.groups is None:
            pytest.skip(quota.says)
        group = Path(f"{quota.groups}-2")
        with busy_process() as pid:
            quota.limit(2, [pid])
            start, used = time.monotonic(), cpu_seconds(pid)
            while (
                throttled(group) < 5
            ):  # so many times the tenth of a second was over and the quota was spent
                assert time.monotonic() - start < 10, "the quota does not bite"
                time.sleep(0.05)
            assert (cpu_seconds(pid) - used) / (time.monotonic() - start) < 0.5
    assert not group.exists()


@contextmanager
def busy_process() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def throttled(group: Path) -> int:
    stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(stat["nr_throttled"])


def test_without_control_groups_the_marks_say_so() -> None:
    quota = Quota(None, "control groups are out of reach (Permission denied)")
    assert quota.says == "without a CPU quota: control groups are out of reach (Permission denied)"
    quota.limit(0, [os.getpid()])
