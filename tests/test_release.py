"""How a release is made: the versions agree, the workflow is sound, and it makes what the READMEs verify."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, make
from vipalived.release import CHART_VERSION
from vipalived.settings import load

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
NAME = ".github/workflows/release.yml"
TEXT = (ROOT / NAME).read_text(encoding="utf-8")
# To YAML 1.1 the key `on` is true.
RELEASE: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = RELEASE["jobs"]
READMES = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "charts/vipalived/README.md")
}
README = READMES["charts/vipalived/README.md"]
REPOSITORY = "lexfrei/vipalived"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the tool reads, made ready for a release."""
    tool = (ROOT / "tools/release.py").read_text(encoding="utf-8")
    for name in [*re.findall(r'(?m)^    "(\S+)": r', tool), "CHANGELOG.md", "tools/release.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changes = tmp_path / "CHANGELOG.md"
    dated = re.sub(
        rf"\[{CHART_VERSION}\] - .*", f"[{CHART_VERSION}] - 2026-01-31", changes.read_text("utf-8")
    )
    changes.write_text(dated, encoding="utf-8")
    return tmp_path


def check(tree: Path, *arguments: str) -> tuple[int, str, str]:
    """What the tool says; with nothing installed, as in the workflow."""
    command = [sys.executable, "-I", str(tree / "tools/release.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_repository_that_is_ready_gives_its_version(tree: Path) -> None:
    assert check(tree, f"v{CHART_VERSION}") == (0, f"{CHART_VERSION}\n", "")


def test_another_tag_is_refused_by_every_file(tree: Path) -> None:
    code, out, err = check(tree, "v9.8.7")
    assert (code, out) == (1, "")
    refusing = {line.partition(":")[0] for line in err.splitlines()}
    assert refusing == {
        "pyproject.toml",
        "src/vipalived/release.py",
        "charts/vipalived/Chart.yaml",
        "charts/vipalived/README.md",
        "README.md",
        "Containerfile",
        "CHANGELOG.md",
    }


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        (
            "pyproject.toml",
            f'version = "{CHART_VERSION}"',
            'version = "0.0.1"',
            f"pyproject.toml: expected {CHART_VERSION}, found 0.0.1\n",
        ),
        (
            "charts/vipalived/README.md",
            f"refs/tags/v{CHART_VERSION}",
            "refs/tags/v0.0.1",
            f"charts/vipalived/README.md: expected {CHART_VERSION}, found 0.0.1\n" * 4,
        ),
        ("Containerfile", "image.version", "image.v", ""),
        (
            "CHANGELOG.md",
            "2026-01-31",
            "unreleased",
            f"CHANGELOG.md: expected `## [{CHART_VERSION}] - ` with the date of the release\n",
        ),
        (
            "src/vipalived/release.py",
            "CHART_VERSION",
            "VERSION",
            f"src/vipalived/release.py: expected {CHART_VERSION}, found no version\n",
        ),
    ],
)
def test_each_file_that_lags_behind_is_named(
    tree: Path, name: str, before: str, after: str, said: str
) -> None:
    text = (tree / name).read_text(encoding="utf-8")
    assert before in text
    (tree / name).write_text(text.replace(before, after), encoding="utf-8")
    assert check(tree, f"v{CHART_VERSION}") == ((1, "", said) if said else (0, f"{CHART_VERSION}\n", ""))


@pytest.mark.parametrize("arguments", [[], ["0.3.0"], ["v1", "v2"]])
def test_the_tool_says_how_it_is_used(tree: Path, arguments: list[str]) -> None:
    assert check(tree, *arguments) == (2, "", "usage: release.py vVERSION\n")


def steps(name: str, text: str) -> list[dict[str, Any]]:
    """The steps of a job that say `text` somewhere."""
    return [step for step in JOBS[name].get("steps", []) if text in str(step)]


def before(job: str) -> set[str]:
    """Every job that must have succeeded first."""
    needs = JOBS[job].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(before(one) for one in direct))


PUBLISHING = ("image", "chart", "publish-wheel")


def test_nothing_is_published_before_the_tag_and_the_tests_are_good() -> None:
    assert RELEASE[True] == {"push": {"tags": ["v*"]}}
    assert "tools/release.py" in str(JOBS["version"])
    assert JOBS["test"]["uses"] == "./.github/workflows/ci.yml"
    assert all({"version", "test"} <= before(job) for job in PUBLISHING)
    assert "image" in before("chart")
    assert {"image", "sbom", "chart"} <= before("publish-wheel")


def test_no_job_may_do_more_than_it_must() -> None:
    assert RELEASE["permissions"] == {}
    writes = {
        name: sorted(scope for scope, level in job["permissions"].items() if level == "write")
        for name, job in JOBS.items()
    }
    assert writes == {
        "version": [],
        "test": [],
        "image": ["id-token", "packages"],
        "sbom": [],
        "chart": ["attestations", "id-token", "packages"],
        "wheel": [],
        "publish-wheel": ["id-token"],
    }
    # No secret but the token that each run is given.
    assert set(re.findall(r"secrets\.(\w+)", TEXT)) == {"GITHUB_TOKEN"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: str(path.name))
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(workflow: Path) -> None:
    used = re.findall(r"(?m)^\s*(?:- )?uses: (.*)$", workflow.read_text(encoding="utf-8"))
    pins = {}
    for action in used:
        if action.startswith("./"):
            continue
        pinned = re.fullmatch(r"([\w./-]+)@([0-9a-f]{40}) # v(\d+\.\d+\.\d+)", action)
        assert pinned, action
        assert pins.setdefault(pinned[1], pinned[2]) == pinned[2], f"two commits of {pinned[1]}"
    assert pins


def test_both_workflows_use_the_same_commits() -> None:
    pins: dict[str, set[str]] = {}
    for workflow in WORKFLOWS:
        for name, commit in re.findall(r"uses: ([\w./-]+)@(\w+)", workflow.read_text(encoding="utf-8")):
            pins.setdefault(name, set()).add(commit)
    assert [name for name, commits in pins.items() if len(commits) > 1] == []


@pytest.mark.parametrize("job", JOBS)
def test_every_expression_names_something_that_is_there(job: str) -> None:
    """To GitHub a misspelt one is an empty text, and no error."""
    outputs: dict[str, set[str]] = {name: set(of.get("outputs", {})) for name, of in JOBS.items()}
    direct = (
        {JOBS[job]["needs"]} if isinstance(JOBS[job].get("needs"), str) else set(JOBS[job].get("needs", []))
    )
    known = set()
    for step in [*JOBS[job].get("steps", []), {"outputs": JOBS[job].get("outputs")}]:
        for expression in re.findall(r"\$\{\{ (.*?) \}\}", str(step)):
            match expression.split("."):
                case ["needs", other, "outputs", name]:
                    assert other in direct, expression
                    assert name in outputs[other], expression
                case ["steps", name, "outputs", _]:
                    assert name in known, expression
                case ["env", name]:
                    assert name in RELEASE["env"], expression
                case [context, *_]:
                    assert context in ("github", "secrets"), expression
        known.add(step.get("id"))
        # A variable of the shell is one of ours, of this step or of the runner.
        variables = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", str(step.get("run", ""))))
        assert variables <= {*RELEASE["env"], *step.get("env", {}), "GITHUB_OUTPUT", "GITHUB_REF_NAME"}


def test_what_pushes_the_chart_writes_the_output_that_is_signed() -> None:
    [push] = steps("chart", "make --silent chart")
    assert push["id"] == "push"
    assert 'echo "digest=$digest" >>"$GITHUB_OUTPUT"' in push["run"]


@pytest.mark.parametrize("job", [name for name in JOBS if "steps" in JOBS[name]])
def test_each_step_that_packages_is_a_target_of_make(job: str) -> None:
    """The tests call the same ones."""
    called = {
        target
        for step in steps(job, "make ")
        for target in re.findall(r"make (?:--silent )?(\w+)", step.get("run", ""))
    }
    assert called == {"chart": {"chart"}, "sbom": {"setup", "sbom"}, "wheel": {"wheel"}}.get(job, set())
    targets = make("help").stdout
    assert all(f"  make {target} " in targets for target in called)


# What GitHub's issuer of tokens puts into the certificate of a workflow's run, by which cosign knows it again.
IDENTITY = f"https://github.com/{REPOSITORY}/{NAME}@refs/tags/v{CHART_VERSION}"
ISSUER = "https://token.actions.githubusercontent.com"
SIGNED = {
    "chart": f"ghcr.io/lexfrei/charts/vipalived:{CHART_VERSION}",
    "image": f"ghcr.io/{REPOSITORY}:{CHART_VERSION}",
}


def commands(readme: str, command: str) -> list[tuple[str, str, str]]:
    """What a command of cosign is shown for, and by whose identity and issuer."""
    pattern = (
        rf"{command} (\S+)(?: --type cyclonedx)? \\\n"
        r'\s+--certificate-identity "(\S+)" \\\n\s+--certificate-oidc-issuer "(\S+)"'
    )
    return re.findall(pattern, readme)


def pushed(job: str) -> str:
    """What the workflow pushes in that job."""
    if job == "image":
        [step] = steps("image", "docker/build-push-action")
        version = CHART_VERSION
        tag = step["with"]["tags"].replace("${{ env.IMAGE }}", RELEASE["env"]["IMAGE"])
        return str(tag.replace("${{ needs.version.outputs.version }}", version))
    # Helm adds the chart's name, and its version as the tag.
    [step] = steps("chart", "make --silent chart")
    assert 'TO="oci://$CHARTS"' in step["run"]
    return f"{RELEASE['env']['CHARTS']}/vipalived:{CHART_VERSION}"


@pytest.mark.parametrize("job", SIGNED)
def test_what_the_readme_verifies_is_what_the_workflow_signs(job: str) -> None:
    assert pushed(job) == SIGNED[job]
    assert commands(README, "cosign verify").count((SIGNED[job], IDENTITY, ISSUER)) == 1
    [sign] = steps(job, "cosign sign")
    # By the digest of what this job pushed, of its own repository: a tag may have moved meanwhile.
    repository = {"image": "$IMAGE", "chart": "$CHARTS/vipalived"}[job]
    assert sign["run"] == f'cosign sign --yes "{repository}@$DIGEST"'
    assert sign["env"] == {"DIGEST": "${{ steps.push.outputs.digest }}"}
    assert steps(job, "sigstore/cosign-installer")
    assert JOBS[job]["permissions"]["id-token"] == "write"


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_verify_nothing_else(name: str) -> None:
    verified = commands(READMES[name], "cosign verify") + commands(READMES[name], "cosign verify-attestation")
    assert verified
    assert len(verified) == len(re.findall("cosign verify", READMES[name]))
    assert {what for what, _, _ in verified} <= set(SIGNED.values())
    assert {(identity, issuer) for _, identity, issuer in verified} == {(IDENTITY, ISSUER)}


def test_provenance_is_there_for_the_commands_that_show_it() -> None:
    [build] = steps("image", "docker/build-push-action")
    assert build["with"]["provenance"] == "mode=max"
    assert build["with"]["platforms"] == "linux/amd64,linux/arm64"
    assert f"imagetools inspect {SIGNED['image']} --format '{{{{ json .Provenance }}}}'" in README
    [attest] = steps("chart", "attest-build-provenance")
    assert attest["with"] == {
        "subject-name": "${{ env.CHARTS }}/vipalived",
        "subject-digest": "${{ steps.push.outputs.digest }}",
        "push-to-registry": True,
    }
    assert f"gh attestation verify oci://{SIGNED['chart']} --repo {REPOSITORY}\n" in README


def test_an_sbom_is_attested_for_the_chart_and_for_the_image_on_each_platform() -> None:
    [build] = steps("image", "docker/build-push-action")
    platforms = [one.removeprefix("linux/") for one in build["with"]["platforms"].split(",")]
    loop = f"for platform in {' '.join(platforms)}; do\n"
    [make], [upload] = steps("sbom", "OF=image"), steps("sbom", "upload-artifact")
    assert loop in make["run"]
    assert make["env"] == {"DIGEST": "${{ needs.image.outputs.digest }}"}
    assert JOBS["image"]["outputs"]["digest"] == "${{ steps.push.outputs.digest }}"
    [download], [attest] = steps("chart", "download-artifact"), steps("chart", "cosign attest")
    assert upload["with"]["path"] == download["with"]["path"] == "sbom/"
    assert upload["with"]["name"] == download["with"]["name"]
    assert loop in attest["run"]
    words = "cosign attest --yes --type cyclonedx --predicate "
    assert f'{words}sbom/chart.json "$CHARTS/vipalived@$DIGEST"\n' in attest["run"]
    assert f'{words}"sbom/$platform.json" "$IMAGE@$OF_IMAGE"\n' in attest["run"]
    assert attest["env"] == {"DIGEST": "${{ steps.push.outputs.digest }}", "OF_IMAGE": make["env"]["DIGEST"]}
    for signed in SIGNED.values():
        assert (signed, IDENTITY, ISSUER) in commands(README, "cosign verify-attestation")


def test_the_chart_runs_the_image_that_is_published() -> None:
    assert load().settings.agent.image.repository == RELEASE["env"]["IMAGE"]


def test_the_wheel_is_published_by_a_trusted_publisher_from_what_another_job_built() -> None:
    assert JOBS["publish-wheel"]["environment"] == "pypi"
    assert "checkout" not in str(JOBS["publish-wheel"])
    [publish] = steps("publish-wheel", "gh-action-pypi-publish")
    assert "with" not in publish
    [upload], [download] = steps("wheel", "upload-artifact"), steps("publish-wheel", "download-artifact")
    assert upload["with"]["name"] == download["with"]["name"]
    assert upload["with"]["path"] == download["with"]["path"] == "dist/"
