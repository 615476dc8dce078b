"""What the repository promises of itself: its lock, make targets, versions, and no trace of any machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT, make
from vipalived import release

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.txt", "requirements-build.txt", "requirements-image.txt", "requirements-helm.txt")


def locked(name: str) -> list[str]:
    """The requirements of a lock file, each with its hashes on one line."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / name).read_text(encoding="utf-8"))
    return text.replace("\\\n", " ").splitlines()


def declared() -> list[str]:
    """Every requirement that pyproject.toml names, whatever for."""
    extras = PROJECT["project"].get("optional-dependencies", {})
    lists = [PROJECT["build-system"]["requires"], PROJECT["project"]["dependencies"]]
    lists += [*extras.values(), *PROJECT["dependency-groups"].values()]
    return [requirement for requirements in lists for requirement in requirements]


def tracked() -> list[Path]:
    """The files under version control that are still there."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout, or git refuses to read it: " + listing.stderr.strip())
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("wanted", declared())
def test_the_lock_satisfies_every_declared_requirement(wanted: str) -> None:
    requirement = Requirement(wanted)
    pins = {canonicalize_name(line.split("==")[0].strip()): line for line in locked("requirements.txt")}
    pin = Requirement(re.sub(r"\s--hash=\S+", "", pins[canonicalize_name(requirement.name)]))
    version = str(pin.specifier).removeprefix("==")
    assert requirement.specifier.contains(version), f"`make lock` has not been run for {wanted}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_is_one_version_with_hashes_and_no_place(name: str) -> None:
    for line in locked(name):
        assert re.match(r"^[a-z0-9-]+==[^\s=]+( ; [^@]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*$", line), line


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    # Put together here, so that this file does not find itself.
    hosts = [("py", "pi.org"), ("python", "hosted.org"), ("registry.", "npmjs"), ("deb.", "debian.org")]
    places = [("/wor", "k/"), ("/roo", "t/"), ("/hom", "e/"), ("/tmp/ba", "sh_")]
    forbidden = re.compile("|".join(re.escape(head + tail) for head, tail in hosts + places))
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if match := forbidden.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert not found


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml"])
def test_every_make_target_that_is_spoken_of_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    # In prose only what stands in backticks is a command; in a script or a code block, what opens a line.
    spoken_of = set(re.findall(r"(?m)(?:`|^\s*(?:- run: |\$ )?)make ([a-z]+)", text))
    assert spoken_of, f"{document} calls no target"
    listed = set(re.findall(r"(?m)^  make ([a-z]+)", make("help").stdout))
    assert spoken_of <= listed


@pytest.mark.parametrize(
    "target", ["setup", "demo", "test", "check", "generate", "bench", "soak", "lock", "wheel", "sbom"]
)
def test_make_can_plan_each_target(target: str) -> None:
    planned = make("--dry-run", target)
    assert planned.returncode == 0, planned.stderr


def test_chart_and_package_are_one_release() -> None:
    chart = yaml.safe_load((ROOT / "charts/vipalived/Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == release.CHART_VERSION == PROJECT["project"]["version"]
    assert chart["appVersion"] == release.APP_VERSION


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^## \[{re.escape(PROJECT['project']['version'])}\] - ", changelog)


def without_programs(tmp_path: Path, *present: str) -> dict[str, str]:
    """An environment whose PATH has the basics of a shell and `present`, and no package manager."""
    for name in ("sh", "id", "dirname", *present):
        program = shutil.which(name)
        assert program
        (tmp_path / name).symlink_to(program)
    return {"PATH": str(tmp_path)}


def run_script(name: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(ROOT / "tools" / name), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=env)


@pytest.mark.parametrize(
    ("purpose", "packages"),
    [("demo", "util-linux"), ("test", "util-linux keepalived iproute2 git tshark nftables iptables busybox")],
)
def test_missing_packages_are_named_in_one_line(tmp_path: Path, purpose: str, packages: str) -> None:
    done = run_script("packages.sh", purpose, env=without_programs(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"Missing packages, please install them first (their names in Debian): {packages}\n"


def test_programs_that_are_there_are_not_asked_for(tmp_path: Path) -> None:
    done = run_script("packages.sh", "test", env=without_programs(tmp_path, "unshare", "git"))
    assert done.stderr.endswith(": keepalived iproute2 tshark nftables iptables busybox\n")


def test_the_demo_does_without_keepalived_where_it_cannot_be_installed(tmp_path: Path) -> None:
    env = without_programs(tmp_path, "unshare")
    packages, engines = run_script("packages.sh", "demo", env=env), run_script("engines.sh", env=env)
    assert (packages.returncode, packages.stderr) == (0, "")
    assert engines.stdout == "--engine native\n"
    assert "keepalived is not installed" in engines.stderr


def test_a_python_that_does_not_run_is_named_in_one_line(tmp_path: Path) -> None:
    shim = tmp_path / "shim"
    shim.write_text("#!/bin/sh\necho not installed >&2\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    done = run_script("venv.sh", str(tmp_path / "venv"), str(shim), env=without_programs(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(shim) in done.stderr
    assert not (tmp_path / "venv").exists()


def test_one_worker_gets_all_that_runs_in_namespaces(request: pytest.FixtureRequest) -> None:
    grouped = [item.nodeid for item in request.session.items if item.get_closest_marker("xdist_group")]
    if not grouped or not hasattr(request.config, "workerinput"):
        pytest.skip("there is one worker only, or nothing of that kind")
    assert {name.rpartition("@")[2] for name in grouped} == {"namespaces"}
