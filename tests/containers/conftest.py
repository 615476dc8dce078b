"""Three nodes and a client, the image, and each engine's pods on the nodes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.containers import hosts, stage
from tests.containers.cluster import AGENT_IMAGE, CLIENT, ENGINES, NODES, PLAIN_IMAGE, Cluster


@pytest.fixture(scope="session")
def segment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosts.Segment]:
    """The hosts, each with podman and the images."""
    if os.geteuid() != 0:
        pytest.skip("only root may run a container runtime on hosts made of namespaces")
    if reason := stage.refusal():
        # CI must not turn green because it runs no pods.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    place = tmp_path_factory.mktemp("hosts")
    with stage.ready(place, (AGENT_IMAGE, PLAIN_IMAGE), NODES, (CLIENT,)) as segment:
        yield segment


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
