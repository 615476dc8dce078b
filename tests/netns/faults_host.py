"""Stories told by `test_doctor.py`, of the host and its API server.

Each makes one fault, and the doctor must find that one and no other.
"""

from __future__ import annotations

import subprocess
import sys

from tests.netns.ward import NAMES, NO_API, OWN, VIP, Ward, sh, wait
from vipalived.doctor.kubelet import examine as kubelet_of


def capabilities(ward: Ward) -> None:
    """Each one that is missing is named, and what could not be looked at is skipped."""
    report = ward.examine(NO_API, before=("setpriv", "--bounding-set=-all,+net_raw", "--"))
    report.tells("capabilities", "error", "NET_ADMIN is not effective").only("capabilities")
    report = ward.examine(NO_API, before=("setpriv", "--bounding-set=-all,+net_admin", "--"))
    report.tells("capabilities", "error", "NET_RAW is not effective").only("capabilities")
    assert report.findings["holder"]["seen"] == "listening takes NET_RAW"


def kubelet(ward: Ward) -> None:
    """A kubelet that asks the VIP, by address and by name; a static pod may; so may one that asks its own."""
    ward.kubelet(f"https://{VIP}:6443")
    report = ward.examine(NO_API).tells("kubelet", "error", f"asks https://{VIP}:6443, which is the VIP")
    report.only("kubelet")
    ward.examine(NO_API, "static=true").only()
    hosts = ward.place / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{VIP} api.test\n")
    sh(f"mount --bind {hosts} /etc/hosts")
    ward.kubelet("https://api.test:6443")
    ward.examine(NO_API).tells("kubelet", "error", "asks https://api.test:6443").only("kubelet")
    ward.kubelet("https://127.0.0.1:6443")
    ward.examine(NO_API).tells("kubelet", "ok", "which is not the VIP")
    for name in ("k3s", "rke2"):
        (ward.root / "etc/kubernetes/kubelet.conf").unlink(missing_ok=True)
        ward.kubelet(f"https://{VIP}:6443", f"var/lib/rancher/{name}/agent/kubelet.kubeconfig")
        assert name in kubelet_of(ward.scene()).seen
        (ward.root / f"var/lib/rancher/{name}/agent/kubelet.kubeconfig").unlink()


def certificate(ward: Ward) -> None:
    """Without the VIP among its names; by a name that leads there; expired."""
    api = ward.api("127.0.0.1", OWN, "kubernetes.default")
    report = ward.examine()
    report.tells("certificate", "error", f"is for 127.0.0.1, {OWN}, kubernetes.default, and not for {VIP}")
    report.only("certificate")
    api.end()
    hosts = ward.place / "hosts"
    hosts.write_text(f"{VIP} api.test\n")
    sh(f"mount --bind {hosts} /etc/hosts")
    api = ward.api("127.0.0.1", "api.test")
    ward.examine().tells("certificate", "ok", "names it by a name").only()
    api.end()
    api = ward.api(*NAMES, expired=True)
    ward.examine().tells("certificate", "error", "certificate has expired").only("certificate")
    api.end()


def api_server(ward: Ward) -> None:
    """None here; one that is not ready; none at the VIP; static pods wait for theirs."""
    ward.examine().tells("api server", "error", "https://127.0.0.1:6443/readyz: Connection refused").only(
        "api server"
    )
    ward.examine("static=true").tells("api server", "warning", "Connection refused").only("api server")
    api = ward.api(*NAMES)
    api.order("unready")
    ward.examine().tells("api server", "warning", "500 ([-]etcd failed: reason withheld)").only("api server")
    api.order("ok")
    ward.keepalived()
    ward.examine().tells("vip serves", "error", f"https://{VIP}:6443/readyz: Connection refused").only(
        "vip serves"
    )
    there = ward.api(*NAMES, at_neighbour=True)
    ward.examine().tells("vip serves", "ok", "port 6443 of the VIP").only()
    there.order("unready")
    ward.examine().tells("vip serves", "error", "500 ([-]etcd failed").only("vip serves")


def daemons(ward: Ward) -> None:
    """Two keepaliveds; one and a kube-vip; of another virtual router or interface it is no matter."""
    first = ward.keepalived(at_neighbour=False)
    ward.examine(NO_API).tells("daemons", "ok", "keepalived (process ").only()
    other = ward.keepalived("keepalived.vrrpInstance.virtualRouterId=52", at_neighbour=False, master=False)
    ward.examine(NO_API).tells("daemons", "ok", "keepalived (process ")
    other.end()
    second = ward.keepalived(at_neighbour=False, master=False)
    report = ward.examine(NO_API)
    for daemon in (first, second):
        report.tells("daemons", "error", f"process {daemon.process.pid}, virtual_router_id 51")
    second.end()
    kube_vip = subprocess.Popen(["kube-vip", "30"], executable="/bin/sleep", env={"address": VIP})
    try:
        ward.examine(NO_API).tells(
            "daemons", "error", f"kube-vip (process {kube_vip.pid}, which is told {VIP})"
        )
    finally:
        kube_vip.kill()
        kube_vip.wait()
    first.end()


def agents(ward: Ward) -> None:
    """One is well, of two one waits; and an agent and a keepalived are too many."""
    first = _agent(ward, "first")
    wait(lambda: f" {VIP}/" in sh("ip address show v0"), "the agent to be Master")
    ward.examine(NO_API).tells("daemons", "ok", "the agent (it has @vipalived/v0/51/ipv4)").only()
    second = _agent(ward, "second")
    wait(lambda: "waiting: another instance" in (ward.place / "second").read_text(), "the second one to wait")
    report = ward.examine(NO_API)
    report.tells("daemons", "warning", "2 agents run virtual router 51 on this host").only("daemons")
    second.kill()
    second.wait()
    daemon = ward.keepalived(at_neighbour=False, master=False)
    report = ward.examine(NO_API)
    report.tells("daemons", "error", "the agent (it has @vipalived/v0/51/ipv4) and keepalived (process ")
    daemon.end()
    first.terminate()
    first.wait()


def _agent(ward: Ward, name: str, engine: str = "engine=native") -> subprocess.Popen[bytes]:
    texts = (
        engine,
        NO_API,
        "agent.endpoint.port=0",
        *(
            f"keepalived.vrrpInstance.{text}"
            for text in ("virtualIpAddress=198.18.0.100/24", "interface=v0", "advertInt=0.1")
        ),
    )
    words = [word for text in texts for word in ("--set", text)]
    command = [sys.executable, "-P", "-c", "from vipalived.cli.main import main; main()", "agent", *words]
    with (ward.place / name).open("wb") as log:
        return subprocess.Popen([*command, "--run-dir", str(ward.place / f"run-{name}")], stderr=log)


def cpu_limit(ward: Ward) -> None:
    """The contract's limit with a short interval; without a limit it is well."""
    short = "keepalived.vrrpInstance.advertInt=0.05"
    ward.examine(short, NO_API).tells("cpu limit", "warning", "found 100m and 0.05").only("cpu limit")
    ward.examine(short, "resources.limits=null", NO_API).only()


def values(ward: Ward) -> None:
    """Warnings of the values are shown here, too."""
    report = ward.examine(NO_API, "keepalived.vrrpInstance.authentication.authPass=other")
    report.tells("values", "warning", "VRRPv3 has no authentication").only("values")


if __name__ == "__main__":
    globals()[sys.argv[1]](Ward())
