"""podman on a host of the tests, and what kubelet would do around it.

podman 4.3 runs the manifests as they are rendered, but for what is kubelet's part and not a runtime's; that
is done here, and only here:

- the DaemonSet's controller is not there either: who wants its pods makes them of its template;
- a pod's emptyDir is a directory on the host that lives as long as the pod: podman would give one to all pods that call
  it alike, and take it away with each container;
- annotations are for the API server alone, and podman refuses long ones: they are left out;
- `spec.nodeName` of a fieldRef becomes the host's name: podman knows no such field;
- a container that has ended gives way to a new one of the same pod, whose volumes stay. podman is told not to
  restart: it would start the old one again, with the files that the dead process left in it, and keepalived
  finds a pid file there and ends at once, for good;
- probes are asked from the host's network: podman would run curl in the container, at times that systemd keeps.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from tests.containers.hosts import ENVIRONMENT, Host, Namespaces, until

_KUBELET = """\
while [ ! -e "$1.unwanted" ]; do
  podman kube play --quiet --replace "$1.yaml" || exit
  podman wait "$0"
  podman logs "$0"
done
"""
_CONTAINERS = """\
[containers]
# Those of the machine may be above what its superuser may set.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
# The usual locks are in memory that all hosts share.
lock_type = "file"
runtime = "runc"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{root}"
runroot = "/run/containers/storage"
[storage.options]
additionalimagestores = [{shared}]
"""
_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
_OF_ITS_OWN = ("/run", "/dev/shm", "/etc/containers", "/var/lib/containers")
_MADE = "/var/lib/containers"
"""There is none on a machine whose podman has not run yet, and none is made there: it lies in the host's own layer."""
_LAYER = "mount -t overlay overlay -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work /var/lib"
_ROOT = "/var/lib/containers/storage"
_START = 10.0
"""Seconds from a container's end to the start of the next one."""
_ASK = """\
import http.client, sys
host, port, path = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port), timeout=5)
connection.request("GET", path)
sys.exit(connection.getresponse().status >= 400)
"""


def set_up(host: Namespaces, root: str = _ROOT, shared: str = "") -> None:
    """Gives the host an empty container storage at `root`, over one with images that is `shared`."""
    for path in _OF_ITS_OWN:
        if path == _MADE:
            host.sh("mkdir /run/upper /run/work")
            host.sh(_LAYER)
            host.sh(f"mkdir -p {path}")
        host.sh(f"mount -t tmpfs tmpfs {path}")
    storage = _STORAGE.format(root=root, shared=json.dumps(shared) if shared else "")
    files = {"containers.conf": _CONTAINERS, "storage.conf": storage, "policy.json": _POLICY}
    for name, text in files.items():
        host.sh(f"tee /etc/containers/{name}", text=text)


class Kubelet:
    """Keeps one pod of one container running on a host; `objects` are what it refers to."""

    def __init__(self, host: Host, pod: dict[str, Any], log: Path, *objects: dict[str, Any]) -> None:
        self.host, self._log = host, log
        self._pod, self._objects = pod, objects
        (self._container,) = pod["spec"]["containers"]
        self._pod_name = pod["metadata"]["name"]
        self.name = f"{self._pod_name}-{self._container['name']}"
        self._file = f"/run/{self._pod_name}"
        self._directories = f"{self._file}.volumes"
        self._loop: subprocess.Popen[bytes] | None = None
        self._exists = False

    @property
    def wanted(self) -> bool:
        """Whether the pod is being kept running."""
        return self._loop is not None

    def start(self) -> None:
        """Lets the pod run until `stop`."""
        self._exists = True
        documents = [*self._objects, self._translated()]
        self.host.sh(f"tee {self._file}.yaml", text=yaml.safe_dump_all(documents))
        self.host.sh(f"rm -f {self._file}.unwanted")
        words = [*self.host.enter(), "sh", "-c", _KUBELET, self.name, self._file]
        with self._log.open("ab") as log:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self._loop = subprocess.Popen(words, env=ENVIRONMENT, **pipes)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after the pod's grace period; the pod is there still, and does not run."""
        assert self._loop is not None
        grace = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        self.host.sh(f"touch {self._file}.unwanted")
        self.podman(f"stop --time {grace} {self.name}")
        self._loop.wait(10.0)
        self._loop = None

    def kill(self) -> None:
        """SIGKILL to the container's first process, and so to all of them; waits for the new container."""
        before = self._running()
        self.podman(f"kill --signal KILL {self.name}")
        until(lambda: self._running() not in {"", before}, _START, "a new container")

    def exhaust_memory(self) -> None:
        """Fills /dev/shm, which counts as the container's memory, until the kernel has ended its first process.

        Waits for the new container.
        """
        before = self._running()
        with suppress(AssertionError):  # it ends with the container
            self.podman(f"exec {self.name} dd if=/dev/zero of=/dev/shm/fill bs=64k")
        until(lambda: self._running() not in {"", before}, _START, "a new container")

    def _running(self) -> str:
        return self.podman(f"ps --no-trunc --filter name={self.name} --format {{{{.ID}}}}").strip()

    def remove(self) -> None:
        """Stops the pod and removes it with all that belongs to it; another one of its name is left alone."""
        if not self._exists:
            return
        if self.wanted:
            self.stop()
        if self._pod_name in self.podman("pod ls --format {{.Name}}").split():
            self.podman(f"pod rm --force {self._pod_name}")
        self._exists = False
        self.podman("volume prune --force")
        self.host.sh(f"rm -rf {self._directories}")

    def podman(self, words: str) -> str:
        """What podman says on this host."""
        return self.host.sh(f"podman {words}")

    def inspect(self) -> dict[str, Any]:
        """What podman knows of the container, which exists."""
        found: dict[str, Any] = json.loads(self.podman(f"container inspect {self.name}"))[0]
        return found

    def status(self) -> dict[str, str]:
        """What the kernel knows of the container's first process, by the names of proc(5)."""
        text = self.host.sh(f"cat /proc/{self.inspect()['State']['Pid']}/status")
        return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}

    def story(self) -> str:
        """What the container said, and what podman said of it."""
        said = self.logs() if self.wanted else "(stopped)"
        return f"--- {self.host.name}\n{said}\n{self._log.read_text() if self._log.exists() else ''}"

    def logs(self) -> str:
        """What the container has said so far."""
        words = [*self.host.enter(), "podman", "logs", self.name]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(words, text=True, check=False, env=ENVIRONMENT, **pipes).stdout

    def probe(self, name: str) -> bool:
        """Whether the container's probe of that name succeeds, asked once as kubelet asks."""
        if "exec" in self._container[name]:
            words = [
                *self.host.enter(),
                "podman",
                "exec",
                self.name,
                *self._container[name]["exec"]["command"],
            ]
            done = subprocess.run(words, capture_output=True, check=False, env=ENVIRONMENT)
            assert done.returncode < 125, done.stderr  # what podman itself has to complain of
            return done.returncode == 0
        get = self._container[name]["httpGet"]
        ask = [sys.executable, "-c", _ASK, get["host"], str(get["port"]), get["path"]]
        return (
            subprocess.run([*self.host.enter("net"), *ask], capture_output=True, check=False).returncode == 0
        )

    def _translated(self) -> dict[str, Any]:
        """The pod as kubelet would hand it to a runtime."""
        pod = copy.deepcopy(self._pod)
        pod["spec"]["restartPolicy"] = "Never"
        pod["metadata"].pop("annotations", None)
        for volume in pod["spec"]["volumes"]:
            if "emptyDir" in volume:
                del volume["emptyDir"]
                volume["hostPath"] = {"path": self._directory(volume["name"])}
        for container in pod["spec"]["containers"]:
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                container.pop(name, None)
            for variable in container["env"]:
                if variable.pop("valueFrom", None) == {"fieldRef": {"fieldPath": "spec.nodeName"}}:
                    variable["value"] = self.host.name
        return pod

    def _directory(self, name: str) -> str:
        """Of an emptyDir, which anybody may write to; the host's /run is in memory."""
        path = f"{self._directories}/{name}"
        self.host.sh(f"mkdir -p {path}")
        self.host.sh(f"chmod 777 {path}")
        return path
