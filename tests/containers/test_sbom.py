"""The image's SBOM names what the image itself says that it has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.containers.cluster import AGENT_IMAGE
from tests.containers.hosts import ENVIRONMENT, Host, Segment

pytestmark = pytest.mark.containers

TOOL = Path(__file__).parents[2] / "tools" / "sbom.py"
_DISTRIBUTIONS = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"


@pytest.fixture(scope="module")
def host(segment: Segment) -> Host:
    return segment.hosts["cp-1"]


@pytest.fixture(scope="module")
def sbom(host: Host) -> dict[str, Any]:
    """Made as the release makes it: of the files that a runtime exports."""
    container = host.sh("podman create", AGENT_IMAGE).strip()
    words = [*host.enter(), "podman", "export", container]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=ENVIRONMENT) as files:
        command = [sys.executable, str(TOOL), "image"]
        done = subprocess.run(command, stdin=files.stdout, capture_output=True, check=False, timeout=120)
    host.sh("podman rm", container)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def named(sbom: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    """Names and versions of the components of this kind of package URL, without Debian's sources."""
    urls = [
        (one["purl"], one) for one in sbom["components"] if one.get("purl", "").startswith(f"pkg:{kind}/")
    ]
    return {(one["name"], one["version"]) for url, one in urls if "arch=source" not in url}


def said(host: Host, *command: str) -> set[tuple[str, str]]:
    """Names and versions, as a program of the image lists them."""
    lines = host.sh("podman run --rm --entrypoint", command[0], AGENT_IMAGE, *command[1:]).splitlines()
    return {(name, version) for name, version in map(str.split, lines)}


def test_it_has_every_package_of_debian(host: Host, sbom: dict[str, Any]) -> None:
    packages = said(host, "dpkg-query", "--show", "--showformat=${Package} ${Version}\\n")
    assert "keepalived" in {name for name, _ in packages}
    assert named(sbom, "deb") == packages


def test_it_has_every_distribution_of_python(host: Host, sbom: dict[str, Any]) -> None:
    distributions = said(host, "/opt/vipalived/bin/python3", "-c", _DISTRIBUTIONS)
    assert "vipalived" in {name for name, _ in distributions}
    plain = {(name.lower().replace("_", "-"), version) for name, version in distributions}
    assert {(name.lower().replace("_", "-"), version) for name, version in named(sbom, "pypi")} == plain


def test_it_is_of_the_image(sbom: dict[str, Any]) -> None:
    whole = sbom["metadata"]["component"]
    assert f"{whole['name']}:{whole['version']}" == AGENT_IMAGE
    [parts] = [one["dependsOn"] for one in sbom["dependencies"] if one["ref"] == whole["bom-ref"]]
    assert {one["name"] for one in sbom["components"] if one["bom-ref"] in parts} == {"Debian", "vipalived"}
