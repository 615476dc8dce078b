"""A node with one neighbour, for `faults.py`: two network namespaces, a cable, and whatever a story needs of daemons.

Run as process 1 of namespaces of its own. The doctor's listening takes 0.8 s at an interval of 0.1 s.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from vipalived.cli.main import run
from vipalived.doctor.scene import Scene, look
from vipalived.render import keepalived
from vipalived.settings import load
from vipalived.settings.values import assign

VIP = "198.18.0.100"
OWN, PEER = "198.18.0.1", "198.18.0.2"
NO_API = "healthCheck.enabled=false"
NAMES = ("127.0.0.1", OWN, VIP)
"""For whom the API server's certificate should be."""
PATIENCE = 10.0
CANNOT = 77
"""The exit code of a story that cannot be told on this machine."""
BASE = ("virtualIpAddress=198.18.0.100/24", "interface=v0", "advertInt=0.1")


def sh(words: str) -> str:
    return subprocess.run(words.split(), capture_output=True, text=True, check=True).stdout


def nft(rules: str) -> None:
    """Adds what is in the words of nft(8)."""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {PATIENCE} s in vain for {what}")
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    """A dead process has no command line, whether somebody has waited for it or not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


class Ward:
    """The node is this namespace, with v0; the neighbour has v1."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.root = self.place / "root"
        self.root.mkdir()
        self.neighbour = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        own = Path("/proc/self/ns/net").readlink()
        wait(
            lambda: Path(f"/proc/{self.neighbour.pid}/ns/net").readlink() != own, "the neighbour's namespace"
        )
        self.enter = ["nsenter", f"--net=/proc/{self.neighbour.pid}/ns/net", "--"]
        for name in ("rp_filter", "arp_ignore", "arp_announce"):
            self.sysctl(f"net.ipv4.conf.all.{name}", 0)
            self.sysctl(f"net.ipv4.conf.default.{name}", 0)
        # Nobody else is on this cable: duplicate address detection would only take time.
        for there in (False, True):
            self.sysctl("net.ipv6.conf.all.accept_dad", 0, there=there)
            self.sysctl("net.ipv6.conf.default.accept_dad", 0, there=there)
        sh("ip link add v0 type veth peer name v1")
        sh(f"ip link set v1 netns {self.neighbour.pid}")
        sh("ip link set lo up")
        sh("ip link set v0 up")
        sh(f"ip address add {OWN}/24 dev v0")
        for words in ("ip link set lo up", "ip link set v1 up", f"ip address add {PEER}/24 dev v1"):
            self.there(words)
        self.settled()

    def sysctl(self, name: str, value: int, *, there: bool = False) -> None:
        """Sets it on the node, or at the neighbour's: /proc/sys/net is that of whoever opens it."""
        command = [*(self.enter if there else ()), "tee", f"/proc/sys/{name.replace('.', '/')}"]
        subprocess.run(command, input=str(value), text=True, check=True, stdout=subprocess.DEVNULL)

    def there(self, words: str) -> str:
        """Runs a command at the neighbour's."""
        return sh(" ".join([*self.enter, words]))

    def settled(self) -> None:
        """Link-local addresses are there and ready."""
        wait(lambda: "scope link" in sh("ip -6 address show v0 -tentative"), "an address")
        wait(lambda: "scope link" in self.there("ip -6 address show v1 -tentative"), "an address")

    def examine(self, *assignments: str, more: Sequence[str] = (), before: Sequence[str] = ()) -> Report:
        """`vipalived doctor -o json`, in this process or, with words before it, as one of its own."""
        words = [word for text in BASE for word in ("--set", f"keepalived.vrrpInstance.{text}")]
        words += [word for text in assignments for word in ("--set", text)]
        command = ["doctor", "--node", "cp-1", "--root", str(self.root), "-o", "json", *words, *more]
        if before:
            python = [sys.executable, "-P", "-c", "from vipalived.cli.main import main; main()"]
            done = subprocess.run([*before, *python, *command], capture_output=True, text=True, check=False)
            return Report(done.returncode, json.loads(done.stdout or done.stderr))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = run(command)
        assert out.getvalue(), code
        return Report(code, json.loads(out.getvalue()))

    def scene(self, *assignments: str) -> Scene:
        """For a single check, without listening."""
        texts = [*(f"keepalived.vrrpInstance.{text}" for text in BASE), *assignments]
        return look(load([reduce(assign, texts, {})]).settings, "cp-1", self.root)

    def keepalived(self, *assignments: str, at_neighbour: bool = True, master: bool = True) -> Daemon:
        """A real one, with what vipalived renders; by default the neighbour's, and Master."""
        interface = "v1" if at_neighbour else "v0"
        layers = ["virtualIpAddress=198.18.0.100/24", f"interface={interface}", "advertInt=0.1"]
        texts = [*(f"keepalived.vrrpInstance.{text}" for text in layers), *assignments]
        daemon = Daemon(self, texts, self.enter if at_neighbour else [])
        if master:
            wait(daemon.is_master, f"keepalived to be Master: {daemon.log.read_text()}")
        return daemon

    def api(self, *names: str, at_neighbour: bool = False, expired: bool = False, port: int = 6443) -> Api:
        """The stand-in for an API server, with a certificate for these names."""
        return Api(self, names, self.enter if at_neighbour else [], expired=expired, port=port)

    def kubelet(self, server: str, name: str = "etc/kubernetes/kubelet.conf") -> None:
        """A kubeconfig as kubeadm writes it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: {server}\n  name: kubernetes\n"
        )


class Report:
    """What the doctor said: `bad` has severity and text of each check that is not well."""

    def __init__(self, code: int, said: dict[str, Any]) -> None:
        self.code, self.said = code, said
        self.findings: dict[str, dict[str, str]] = {one["check"]: one for one in said["findings"]}

    @property
    def bad(self) -> dict[str, str]:
        """Each check with an error or a warning."""
        return {
            one["check"]: one["severity"]
            for one in self.said["findings"]
            if one["severity"] in {"error", "warning"}
        }

    def severity(self, check: str) -> str:
        return self.findings[check]["severity"]

    def tells(self, check: str, severity: str, text: str) -> Report:
        """Of this check, with this text, and with why and what to do; the exit code goes with the errors."""
        one = self.findings[check]
        assert one["severity"] == severity, json.dumps(self.said, indent=1)
        assert text in one["seen"], one
        if severity in {"error", "warning"}:
            assert one["hint"], one
        assert self.code == ("error" in self.bad.values()), self.said
        return self

    def only(self, *checks: str) -> Report:
        """Nothing else is wrong."""
        assert sorted(self.bad) == sorted(checks), json.dumps(self.said, indent=1)
        return self


class Daemon:
    """A keepalived of the story's; ends with it."""

    def __init__(self, ward: Ward, assignments: Sequence[str], enter: Sequence[str]) -> None:
        place = Path(tempfile.mkdtemp(dir=ward.place))
        self.log = place / "log"
        layer: dict[str, Any] = reduce(assign, assignments, {})
        (place / "keepalived.conf").write_text(keepalived.render(load([layer]).settings))
        words = ["keepalived", "-n", "-l", "-D", "-P", "-f", str(place / "keepalived.conf")]
        words += ["-p", str(place / "main.pid"), "-r", str(place / "vrrp.pid")]
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                [*enter, *words], stdout=file, stderr=file, env={**os.environ, "TMPDIR": str(place)}
            )

    def is_master(self) -> bool:
        return "Entering MASTER STATE" in self.log.read_text()

    def kill(self) -> None:
        """Both of its processes at once: neither can put anything in order."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in (self.process.pid, *map(int, children)):
            os.kill(pid, signal.SIGSTOP)
        for pid in (*map(int, children), self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        # Nobody waits for an orphan here: it is dead once the kernel says so.
        wait(lambda: not any(map(_lives, map(int, children))), "the child to be dead")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)


class Api:
    """An API server that does as it is told."""

    def __init__(
        self, ward: Ward, names: Sequence[str], enter: Sequence[str], *, expired: bool, port: int
    ) -> None:
        import datetime

        import trustme

        hour = datetime.timedelta(hours=1)
        end = datetime.datetime.now(datetime.UTC) + (-hour if expired else hour)
        issued = trustme.CA().issue_cert(*names, not_after=end)
        file = ward.place / f"{len(list(ward.place.iterdir()))}.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(str(file))
        words = [sys.executable, "-P", "-m", "vipalived.lab.apiserver", "4", str(port), str(file)]
        self.process = subprocess.Popen(
            [*enter, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._line() == "listening"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def order(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        assert self._line() == words

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
