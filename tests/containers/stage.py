"""Hosts with podman and the images: what the tests of the containers begin with, and who measures a pod."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.containers import hosts, image, runtime

_PROGRAMS = ("apt-get", "catatonit", "ip", "mmdebstrap", "nsenter", "podman", "runc", "setpriv", "unshare")


def refusal() -> str:
    """Why root cannot have this on this machine; empty where it can."""
    if missing := [program for program in _PROGRAMS if shutil.which(program) is None]:
        return f"not installed: {', '.join(missing)}; on Debian `tools/packages.sh test` does it"
    if not image.sources():
        return f"apt on this machine knows no mirror of Debian {image.SUITE}, of which the image is made"
    return hosts.refusal()


@contextmanager
def ready(
    place: Path, images: Sequence[str], nodes: Sequence[str], others: Sequence[str] = ()
) -> Iterator[hosts.Segment]:
    """A segment on which the nodes run podman, which has the image by all of these names."""
    segment = hosts.Segment(place, [*nodes, *others])
    try:
        storage = str(place / "images")
        runtime.set_up(segment, root=storage)
        image.build(segment, images)
        for name in nodes:
            runtime.set_up(segment.hosts[name], shared=storage)
        yield segment
    finally:
        segment.close()
