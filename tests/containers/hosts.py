"""Hosts made of namespaces, joined by a bridge; a container runtime runs on each as on a machine of its own.

Everything lives in the namespaces of one process and ends with it, and it ends with the tests: the machine's own
links, addresses, mounts and container storage are never touched. Only control groups are the machine's, so
`Segment` sweeps those.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

SLACK = 1.5
"""Seconds that a busy machine may take longer than a formula says."""
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/run"}
_KINDS = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_FIRST = ("catatonit", "-P")  # it reaps orphans and does nothing else
_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def refusal() -> str:
    """Why this machine allows no such namespaces; empty where it does."""
    done = subprocess.run(["unshare", *_KINDS, "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def sh(words: Sequence[str], text: str = "") -> str:
    """What a program says that reads `text`; it must succeed."""
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}{done.stdout}"
    return done.stdout


def until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Waits for a state; not having come in time, it is a failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.1f} s in vain for {what}"
        time.sleep(0.02)


class Namespaces:
    """Namespaces that live as long as their first process, which lives no longer than the tests."""

    def __init__(self, make: Sequence[str]) -> None:
        self.pid = 0
        # util-linux complains on being ended.
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([*make, *_FIRST], env=ENVIRONMENT, **quiet)
        until(self._entered, 10.0, "namespaces")
        self.network = Path(f"/proc/{self.pid}/ns/net")

    def _entered(self) -> bool:
        words = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self.pid = int(words[0]) if words else 0
        return bool(self.pid) and Path(f"/proc/{self.pid}/comm").read_text() == f"{_FIRST[0]}\n"

    def enter(self, *kinds: str) -> list[str]:
        """The words that, before a command, run it in the namespaces of these kinds, or in all."""
        chosen = kinds or ("mount", "net", "pid")
        return ["nsenter", f"--target={self.pid}", *(f"--{kind}" for kind in chosen), "--"]

    def sh(self, words: str, *more: str, text: str = "") -> str:
        """Runs a program in there."""
        return sh([*self.enter(), *words.split(), *more], text)

    def end(self) -> None:
        """Ends every process in there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait()


class Host(Namespaces):
    """A host with one address on the bridge."""

    def __init__(self, segment: Segment, name: str, number: int) -> None:
        super().__init__([*segment.enter("mount", "pid"), "unshare", "--net", "--mount", "--"])
        self.name = name
        _ip(segment, f"link add {name} type veth peer name eth0 netns {self.pid}")
        _ip(segment, f"link set {name} master bridge up")
        for words in ("link set lo up", "link set eth0 up", f"address add 198.18.0.{number}/24 dev eth0"):
            _ip(self, words)

    def start(self, words: Iterable[str], says: str = "") -> subprocess.Popen[str]:
        """Starts a program that stands for one of the host's own, and waits until it says so."""
        command = [*self.enter("net"), "setpriv", "--pdeathsig", "KILL", "--", *words]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, text=True, **pipes)
        line = process.stdout.readline() if says and process.stdout else ""
        assert line.startswith(says), f"{' '.join(command)} said `{line}`"
        return process

    def network_state(self) -> str:
        """All that somebody could leave behind in the host's network, for a comparison."""
        parts = ("-o link", "-o address", "route show table all", "maddress", "rule", "-6 rule")
        lines = "\n".join(_ip(self, words) for words in parts).splitlines()
        # The kernel's own link-local IPv6 is usable some time after the link is there.
        return "\n".join(line for line in lines if "fe80:" not in line and "ff00:" not in line)


class Segment(Namespaces):
    """The bridge, the hosts on it, and `place`: a directory in memory that only they see."""

    def __init__(self, place: Path, names: Sequence[str]) -> None:
        _sweep_control_groups()  # of a run that was killed
        super().__init__(["setpriv", "--pdeathsig", "KILL", "--", "unshare", *_KINDS])
        self.place = place
        self.sh(f"mount -t tmpfs tmpfs {place}")
        for words in ("link set lo up", "link add bridge type bridge mcast_snooping 0", "link set bridge up"):
            _ip(self, words)
        self.hosts = {name: Host(self, name, number) for number, name in enumerate(names, 1)}

    def programs(self) -> list[str]:
        """The names of all processes on the hosts but the first ones."""
        names = self.sh("sh -c", "cat /proc/[0-9]*/comm").split()
        return sorted(set(names) - {_FIRST[0], "sh", "cat"})

    def close(self) -> None:
        """Ends everything, and removes the control groups."""
        self.end()
        for host in self.hosts.values():
            host.end()
        _sweep_control_groups()


def _ip(namespaces: Namespaces, words: str) -> str:
    # Without the PID namespace: what is said of processes is said with the numbers known here.
    return sh([*namespaces.enter("net"), "ip", *words.split()])


def _sweep_control_groups() -> None:
    """Removes the empty ones below those that podman makes; the kernel keeps those that are in use."""
    for top in (*_CONTROL_GROUPS.glob("libpod_parent"), *_CONTROL_GROUPS.glob("*/libpod_parent")):
        for path, *_ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(path).rmdir()
