"""The wheel as the release workflow builds it: the same each time, and whole without the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, lacking, make
from tests.examples import VIP
from vipalived.release import CHART_VERSION

BUILD = ("hatchling", "build", "--target", "wheel")


def build(place: Path, modified: int, mask: int) -> Path:
    """The wheel of the tracked files, copied to a place, with these times and permissions."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        copy = place / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
        os.utime(copy, (modified, modified))
        copy.chmod(0o666 & ~mask)
    program = Path(sys.executable).with_name(BUILD[0])
    subprocess.run([program, *BUILD[1:]], cwd=place, check=True, capture_output=True, timeout=120)
    [wheel] = (place / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("first"), 1_700_000_000, 0o022)


def test_make_builds_it_so() -> None:
    """And the workflow calls make."""
    planned = make("--dry-run", f"VENV={sys.prefix}", "wheel").stdout
    assert planned.splitlines()[-1] == f"{sys.prefix}/bin/{' '.join(BUILD)}"


def test_built_again_elsewhere_it_is_the_same(wheel: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "elsewhere", 1_800_000_000, 0o077)
    assert (again.name, again.read_bytes()) == (wheel.name, wheel.read_bytes())


def test_it_has_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"vipalived-{CHART_VERSION}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"vipalived", f"vipalived-{CHART_VERSION}.dist-info"}
    assert {f"vipalived/{one.relative_to(ROOT / 'src' / 'vipalived')}" for one in _sources()} <= set(names)


def _sources() -> list[Path]:
    return [one for one in (ROOT / "src" / "vipalived").rglob("*") if one.is_file() and one.suffix != ".pyc"]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment that has nothing but the wheel and what it asks for."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=True)
    pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", ROOT / "requirements-image.txt"]
    for arguments in (locked, ["--no-index", wheel]):
        done = subprocess.run([*pip, *arguments], capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            lacking(f"pip cannot install the wheel: {done.stderr}")
    return place / "bin" / "vipalived"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--help", "Keep a virtual IP in front of a Kubernetes control plane."),
        ("--version", f"vipalived {CHART_VERSION}\n"),
        (f"check --set {VIP}", "values are valid: 192.168.1.100/24 on virtual router 51\n"),
        (f"static-pod --set {VIP} --set engine=native", "kind: Pod\n"),
        (f"template --set {VIP}", "kind: DaemonSet\n"),
        (f"config --set {VIP}", "192.168.1.100/24"),
        ("values", "virtualRouterId: 51\n"),
        ("schema --overrides", '"$schema"'),
        ("lab run --help", "--scenario"),
        ("agent --help", "--values-text"),
    ],
)
def test_its_commands_work_without_the_repository(
    installed: Path, words: str, says: str, tmp_path: Path
) -> None:
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [installed, *words.split()]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout
