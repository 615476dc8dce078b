"""Three nodes and a client, the image, and each engine's pods on the nodes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.containers import hosts, image, runtime
from tests.containers.cluster import AGENT_IMAGE, CLIENT, ENGINES, NODES, PLAIN_IMAGE, Cluster

_PROGRAMS = ("apt-get", "catatonit", "ip", "mmdebstrap", "nsenter", "podman", "runc", "setpriv", "unshare")


def _refusal() -> str:
    """Why the pods cannot run here; empty where they can."""
    if missing := [program for program in _PROGRAMS if shutil.which(program) is None]:
        return f"not installed: {', '.join(missing)}; on Debian `tools/packages.sh test` does it"
    if not image.sources():
        return f"apt on this machine knows no mirror of Debian {image.SUITE}, of which the image is made"
    return hosts.refusal()


@pytest.fixture(scope="session")
def segment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosts.Segment]:
    """The hosts, each with podman and the images."""
    if os.geteuid() != 0:
        pytest.skip("only root may run a container runtime on hosts made of namespaces")
    if reason := _refusal():
        # CI must not turn green because it runs no pods.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    place = tmp_path_factory.mktemp("hosts")
    segment = hosts.Segment(place, [*NODES, CLIENT])
    try:
        images = str(place / "images")
        runtime.set_up(segment, root=images)
        image.build(segment, (AGENT_IMAGE, PLAIN_IMAGE))
        for name in NODES:
            runtime.set_up(segment.hosts[name], shared=images)
        yield segment
    finally:
        segment.close()


@pytest.fixture(scope="module", params=list(ENGINES))
def cluster(
    request: pytest.FixtureRequest, segment: hosts.Segment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """The static pods of one engine, running; a client asks who answers for the VIP all the time."""
    cluster = Cluster(segment, request.param, tmp_path_factory.mktemp(request.param))
    try:
        cluster.start()
        yield cluster
    finally:
        print(cluster.story())  # noqa: T201 - pytest shows it where a test fails
        cluster.close()
