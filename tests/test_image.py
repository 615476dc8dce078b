"""The image's recipe: what it is made of is locked, and is what was tested. The pods' tests build and run it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vipalived.release import CHART_VERSION

ROOT = Path(__file__).resolve().parent.parent
RECIPE = (ROOT / "Containerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(name: str) -> dict[str, str]:
    """Each package of a lock with all that is said of it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {entry.split("==")[0]: entry for entry in re.split(r"(?m)^(?=[a-z])", text) if entry}


@pytest.mark.parametrize("name", ["requirements-build.txt", "requirements-image.txt"])
def test_the_image_is_made_of_what_was_tested(name: str) -> None:
    assert pins(name)
    assert pins(name).items() <= pins("requirements.txt").items()


def test_the_image_has_what_the_agent_needs_and_no_tools() -> None:
    wanted = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}
    assert wanted <= pins("requirements-image.txt").keys()
    groups = PROJECT["dependency-groups"]["dev"] + PROJECT["project"]["optional-dependencies"]["lab"]
    unwanted = {canonicalize_name(Requirement(text).name) for text in groups}
    assert not unwanted & pins("requirements-image.txt").keys()


def test_the_base_is_pinned_and_every_other_stage_is_made_from_it() -> None:
    [base] = re.findall(r"(?m)^ARG BASE=(\S+)$", RECIPE)
    assert re.fullmatch(r"docker\.io/library/debian:[a-z0-9-]+-slim@sha256:[0-9a-f]{64}", base)
    assert re.findall(r"(?m)^FROM (\S+)", RECIPE) == ["${BASE}", "system", "system"]
    assert f'base.name="{base.partition("@")[0]}"' in RECIPE


def test_the_image_is_of_this_release() -> None:
    assert f'org.opencontainers.image.version="{CHART_VERSION}"' in RECIPE
    assert f"--tag ghcr.io/lexfrei/vipalived:{CHART_VERSION} ." in RECIPE


def test_the_context_is_what_the_recipe_reads() -> None:
    rules = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert all((ROOT / name).exists() for name in kept)
    script = (ROOT / "tools/image.sh").read_text(encoding="utf-8")
    read = {*re.findall(r"\$source/([\w.-]+)", script), "tools/image.sh", "src", "pyproject.toml"}
    read |= {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    assert kept == read


@pytest.mark.parametrize("arguments", [[], ["everything"]])
def test_the_steps_of_the_image_are_named_where_they_are_not_known(arguments: list[str]) -> None:
    command = ["sh", str(ROOT / "tools/image.sh"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"usage: {ROOT}/tools/image.sh system|builder|application...\n"
