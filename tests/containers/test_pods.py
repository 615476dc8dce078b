"""The pods of each engine, as rendered, under podman and runc: what they may do, what faults and upgrades cost.

The tests of one engine follow each other on the same pods, from the first day's static ones to the DaemonSet's that
are uninstalled; each begins and ends with one holder.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.cluster import MASTER_DOWN, NODES, START, VIP, Cluster
from tests.containers.hosts import SLACK, until

pytestmark = pytest.mark.containers

README = Path(__file__).parents[2] / "charts" / "vipalived" / "README.md"

SKEW = 0.61
"""Skew_Time in seconds, of the default priority and interval."""
HITLESS = 0.1
"""A datagram lost while the machine is busy makes no gap as long as this."""
HANDOVER = 0.1 + 0.3
"""Seconds that two nodes may have the VIP while one hands it over, on a busy machine."""
KILLED = MASTER_DOWN + SLACK
BLACKOUT = {
    # What the client may miss, in seconds, by engine: stop, API server dead or hung.
    "native": HITLESS,
    "plain": SKEW + SLACK,
}
DEAD = {
    # From the API server's death to another holder: at once; 3 questions, 1 s apart, and a Skew_Time.
    "native": 0.15 + SLACK,
    "plain": 3.0 + 1.0 + SKEW + SLACK,
}
HUNG = {
    # 3 questions, 0.5 s apart, that take 1 s each; keepalived asks every second, and takes a Skew_Time.
    "native": 3.5 + SLACK,
    "plain": 3.0 + 2.0 + SKEW + SLACK,
}


@pytest.fixture(autouse=True)
def _story(cluster: Cluster) -> Iterator[None]:
    """For a test that fails: what every pod has said."""
    yield
    print(cluster.story())  # noqa: T201 - pytest shows it


@pytest.mark.parametrize("cluster", ["native"], indirect=True)
def test_day_1(cluster: Cluster) -> None:
    """The VIP is there before any API server, and stays where it is while one after the other comes up."""
    (sighting,) = cluster.watch.sightings()
    assert (sighting.node, sighting.present) == ("cp-1", True)
    assert sighting.at - cluster.began("cp-1") <= (MASTER_DOWN + 1) * 1e9
    felt = cluster.felt_since(sighting.at)
    assert (felt.moves, felt.nobody, felt.several) == (0, 0, 0)
    assert felt.blackout <= HITLESS


def test_a_container_has_what_its_manifest_gives_it(cluster: Cluster) -> None:
    kubelet = cluster.kubelets["cp-1"]
    status, host = kubelet.status(), kubelet.inspect()["HostConfig"]
    assert (host["Memory"], host["CpuQuota"], host["CpuPeriod"]) == (64 << 20, 10_000, 100_000)
    assert host["NetworkMode"] == "host"
    assert status["Seccomp"] == "2"  # a filter
    needed = 1 << 12 | 1 << 13  # NET_ADMIN and NET_RAW
    assert host["ReadonlyRootfs"]
    if cluster.engine == "plain":
        assert int(status["CapEff"], 16) & needed == needed
        assert kubelet.probe("startupProbe")
        return
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == needed
    assert status["NoNewPrivs"] == "1"
    assert kubelet.probe("livenessProbe")
    assert "API server" in kubelet.podman(f"exec {kubelet.name} vipalived status")
    # For the next container of this pod.
    assert kubelet.podman(f"exec {kubelet.name} stat -c %a /run/vipalived/plan") == "600\n"


def test_a_holder_that_is_stopped(cluster: Cluster) -> None:
    holder = cluster.holder()
    with cluster.felt() as felt:
        cluster.kubelets[holder].stop()
        cluster.settle(without=holder)
    cluster.kubelets[holder].start()
    cluster.settle()
    assert felt.blackout <= BLACKOUT[cluster.engine]


def test_a_holder_that_is_killed(cluster: Cluster) -> None:
    kubelet = cluster.kubelets[cluster.holder()]
    plan = f"exec {kubelet.name} stat -c %i.%Y /run/vipalived/plan"
    kept = kubelet.podman(plan) if cluster.engine == "native" else ""
    with cluster.felt() as felt:
        kubelet.kill()
        cluster.settle()
    assert not kept or kubelet.podman(plan) == kept, "the values were read again"
    assert felt.moves <= 1
    # An agent that is started again soon enough finds its address, and it does not move; a keepalived always does.
    assert felt.moved <= KILLED
    assert cluster.engine == "native" or felt.moved > 0
    assert felt.blackout <= KILLED


def test_a_holder_that_is_out_of_memory(cluster: Cluster) -> None:
    with cluster.felt() as felt:
        cluster.kubelets[cluster.holder()].exhaust_memory()
        cluster.settle()
    assert felt.blackout <= KILLED


@pytest.mark.parametrize("cluster", ["plain"], indirect=True)
def test_a_pod_with_a_bad_value_is_never_ready_and_says_why(cluster: Cluster) -> None:
    """So a rolling update ends with it; the VIP is where it was."""
    backup = next(node for node in NODES if node != cluster.holder())
    with cluster.felt() as felt:
        cluster.kubelets[backup].stop()
        bad = cluster.kubelet(backup, "keepalived.vrrpInstance.interface=eth9")
        bad.start()
        until(
            lambda: "vipalived: waiting for the interface eth9; this node has eth0\n" in bad.logs(),
            START,
            "its complaint",
        )
        assert not bad.probe("startupProbe")
        began = time.monotonic()
        bad.stop()
        assert time.monotonic() - began < 5.0  # it does not wait for its SIGKILL
        cluster.kubelets[backup].start()
        cluster.settle()
    assert (felt.moves, felt.nobody, felt.several) == (0, 0, 0)


def test_an_api_server_that_dies(cluster: Cluster) -> None:
    holder = cluster.holder()
    with cluster.felt() as felt:
        cluster.kill_api_server(holder)
        cluster.settle(DEAD[cluster.engine] + SLACK, without=holder)
    cluster.start_api_server(holder)
    assert felt.moved <= DEAD[cluster.engine]
    assert felt.blackout <= BLACKOUT[cluster.engine]


def test_an_api_server_that_hangs(cluster: Cluster) -> None:
    holder = cluster.holder()
    with cluster.felt() as felt, cluster.hung_api_server(holder):
        cluster.settle(HUNG[cluster.engine] + SLACK, without=holder)
    assert felt.moved <= HUNG[cluster.engine]
    assert felt.blackout <= BLACKOUT[cluster.engine]


def test_from_day_1_to_day_2(cluster: Cluster) -> None:
    """The DaemonSet's pods beside the static ones, which then go, node by node."""
    with cluster.felt() as felt:
        cluster.install()
    assert felt.blackout <= HITLESS
    assert felt.moves == 0
    lost = felt.lost
    with cluster.felt() as felt:
        for node in NODES:
            cluster.replace(node)
            cluster.settle()
    assert felt.blackout <= BLACKOUT[cluster.engine]
    # Of equal priority both Backups claim after a plain stop, and one gives way at once.
    assert felt.moves <= 2 * len(NODES)
    assert felt.several <= felt.moves * HANDOVER
    if cluster.engine == "native":
        assert (lost + felt.lost, felt.moves, felt.nobody, felt.several) == (0, 0, 0, 0)


@pytest.mark.parametrize("cluster", ["native"], indirect=True)
def test_an_upgrade(cluster: Cluster) -> None:
    """`helm upgrade`: one pod after the other makes way for its successor. The others' pods have done so just now."""
    with cluster.felt() as felt:
        for node in NODES:
            holds = node in cluster.holders()
            cluster.kubelets[node].stop()
            cluster.settle(without=node if holds else None)
            cluster.kubelets[node].start()
            cluster.settle()
    assert 1 <= felt.moves <= len(NODES)
    assert (felt.lost, felt.nobody) == (0, 0)
    assert felt.several <= felt.moves * HANDOVER


@pytest.mark.parametrize("cluster", ["plain"], indirect=True)
def test_the_pods_say_who_holds_the_vip(cluster: Cluster) -> None:
    script = re.search(r"-- sh -c '(ip .*)'\n", README.read_text(encoding="utf-8"))
    assert script is not None
    asked = script[1].replace("192.168.1.100", VIP)
    said = [
        kubelet.host.sh(f"podman exec {kubelet.name} sh -c", asked) for kubelet in cluster.kubelets.values()
    ]
    assert "".join(said) == f"{cluster.holder()}\n"
    logs = "".join(kubelet.logs() for kubelet in cluster.kubelets.values())
    assert "Entering MASTER STATE" in logs
    assert "gratuitous ARP" not in logs


def test_nothing_is_left_of_pods_that_are_removed(cluster: Cluster) -> None:
    for kubelet in cluster.kubelets.values():
        kubelet.remove()
    until(lambda: not cluster.leftovers(), 5.0, "nothing to be left")
    assert not cluster.holders()
