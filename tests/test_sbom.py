"""What the release says that the chart is made of; the image's SBOM is held to the image in `tests/containers`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.test_artifact_hub import images
from vipalived.release import CHART_VERSION


def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(ROOT / "tools" / "sbom.py"), *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)


def test_the_chart_is_made_of_the_images_that_it_runs() -> None:
    done = run("chart")
    assert done.returncode == 0, done.stderr
    sbom = json.loads(done.stdout)
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    whole = sbom["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("ghcr.io/lexfrei/charts/vipalived", CHART_VERSION)
    assert {f"{one['name']}:{one['version']}" for one in sbom["components"]} == images({}) | images(
        {"engine": "native"}
    )
    [parts] = [one["dependsOn"] for one in sbom["dependencies"] if one["ref"] == whole["bom-ref"]]
    assert sorted(parts) == sorted(one["bom-ref"] for one in sbom["components"])


@pytest.mark.parametrize("arguments", [[], ["wheel"], ["chart", "image"]])
def test_the_tool_says_how_it_is_used(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"usage: sbom.py chart|image\n"


def test_files_that_are_no_image_are_a_failure() -> None:
    done = run("image", given=b"not a tar archive")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"debsbom failed:" in done.stderr
