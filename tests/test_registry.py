"""The chart goes through a real OCI registry and comes out as it went in, with either Helm."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, find_helm, lacking
from tests.helm import CHART, same, template
from vipalived.release import CHART_VERSION

pytestmark = pytest.mark.helm

DEADLINE = 30
"""Seconds for a registry to start on a busy machine."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the registry keeps everything."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def registry(directory: Path) -> Iterator[str]:
    """Debian's docker-registry, on a port that the kernel chooses; the address is `127.0.0.1:PORT`."""
    program = shutil.which("docker-registry")
    if program is None:
        lacking("docker-registry is not installed")
    configuration = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(directory / "store")}},
        "http": {"addr": "127.0.0.1:0", "secret": "none"},
    }
    (directory / "config.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    log = directory / "log"
    with log.open("wb") as stream:
        command = [program, "serve", str(directory / "config.yml")]
        with subprocess.Popen(command, stdout=stream, stderr=stream) as process:
            try:
                yield _address(process, log)
            finally:
                process.terminate()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it says that it listens."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.02)
    pytest.fail(f"docker-registry does not start:\n{log.read_text(encoding='utf-8')}")


def run(helm: Path, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Helm, with nothing of the user's own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HELM": str(helm)}
    return subprocess.run(arguments, capture_output=True, encoding="utf-8", check=False, env=environment)


@dataclass(frozen=True)
class Published:
    """A chart in the registry: its place, for Helm, and the digest that the script said."""

    place: str
    digest: str


def publish(helm: Path, place: str, home: Path) -> Published:
    """As the release does it."""
    words = ("make", "--silent", f"--directory={ROOT}", "chart", f"TO=oci://{place}", "OPTIONS=--plain-http")
    done = run(helm, *words, home=home)
    assert done.returncode == 0, done.stderr
    return Published(f"oci://{place}/vipalived", done.stdout.removesuffix("\n"))


@pytest.fixture(scope="module")
def published(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The chart as the release publishes it: with Helm 4, for whichever Helm people have."""
    return publish(find_helm(4), f"{registry}/lexfrei/charts", tmp_path_factory.mktemp("home"))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


FROM = ("--plain-http", "--version", CHART_VERSION)


def test_the_digest_is_that_of_what_the_registry_has(helm: Path, registry: str, tmp_path: Path) -> None:
    published = publish(helm, f"{registry}/{helm.parent.name}/charts", tmp_path)
    url = f"http://{registry}/v2/{helm.parent.name}/charts/vipalived/manifests/{CHART_VERSION}"
    accepted = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=accepted), timeout=10) as answer:
        manifest = answer.read()
    assert published.digest == f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def test_the_chart_is_pulled_as_it_was_pushed(helm: Path, published: Published, tmp_path: Path) -> None:
    command = (str(helm), "pull", published.place, *FROM, "--untar", "--untardir", str(tmp_path / "pulled"))
    done = run(helm, *command, home=tmp_path)
    assert done.returncode == 0, done.stderr
    pulled, here = tree(tmp_path / "pulled" / "vipalived"), tree(CHART)
    del here[".helmignore"]
    # Helm writes the definition anew, in its own order of keys.
    definitions = [yaml.safe_load(files.pop("Chart.yaml")) for files in (pulled, here)]
    assert definitions[0] == definitions[1]
    assert pulled == here


@pytest.mark.parametrize("values", ["{}", "{static: true, engine: native}", "{engine: native}"])
def test_the_chart_is_rendered_from_the_registry_as_from_the_folder(
    helm: Path, published: Published, tmp_path: Path, values: str
) -> None:
    there = template(helm, values, tmp_path, chart=published.place, more=FROM)
    assert same(there.objects, template(helm, values, tmp_path).objects)


def test_the_newest_version_is_found_without_naming_it(
    helm: Path, published: Published, tmp_path: Path
) -> None:
    there = template(helm, "{}", tmp_path, chart=published.place, more=["--plain-http"])
    assert there.objects[0]["metadata"]["labels"]["helm.sh/chart"] == f"vipalived-{CHART_VERSION}"


def test_the_chart_is_found_by_the_digest_that_was_verified(
    helm: Path, published: Published, tmp_path: Path
) -> None:
    there = template(
        helm, "{}", tmp_path, chart=f"{published.place}@{published.digest}", more=["--plain-http"]
    )
    assert same(there.objects, template(helm, "{}", tmp_path).objects)
    other = f"{published.place}@sha256:{'0' * 64}"
    assert run(helm, str(helm), "pull", other, "--plain-http", home=tmp_path).returncode != 0


@pytest.mark.parametrize(("what", "file"), [("values", "values.yaml"), ("readme", "README.md")])
def test_helm_shows_what_the_chart_says(
    helm: Path, published: Published, tmp_path: Path, what: str, file: str
) -> None:
    done = run(helm, str(helm), "show", what, published.place, *FROM, home=tmp_path)
    assert done.stdout.strip() == (CHART / file).read_text(encoding="utf-8").strip()


def test_the_chart_is_installed_from_the_registry(published: Published, tmp_path: Path) -> None:
    # Without a cluster Helm 4 alone goes this far: Helm 3 asks for the server's version even in a dry run.
    helm = find_helm(4)
    command = (str(helm), "install", "my-vipalived", published.place, *FROM, "--dry-run=client")
    done = run(helm, *command, "--namespace", "kube-system", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "STATUS: pending-install" in done.stdout
    assert {"ConfigMap", "DaemonSet"} <= set(re.findall(r"(?m)^kind: (\w+)$", done.stdout))
    assert "172.16.101.101/32" in done.stdout.partition("\nNOTES:\n")[2]


def test_a_chart_that_was_changed_in_the_registry_is_refused(
    helm: Path, registry: str, directory: Path, tmp_path: Path
) -> None:
    """By the digest, though the tag is the same."""
    theirs = publish(helm, f"{registry}/{helm.parent.name}/changed", tmp_path)
    [manifest] = directory.glob(f"store/**/sha256/*/{theirs.digest.removeprefix('sha256:')}/data")
    layer = json.loads(manifest.read_text(encoding="utf-8"))["layers"][0]["digest"].removeprefix("sha256:")
    [archive] = directory.glob(f"store/**/sha256/*/{layer}/data")
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        done = run(
            helm, str(helm), "pull", theirs.place, *FROM, "--destination", str(tmp_path), home=tmp_path
        )
        assert done.returncode != 0
        assert not list(tmp_path.glob("*.tgz"))
    finally:
        archive.write_bytes(whole)


def test_what_is_no_chart_is_refused(helm: Path, registry: str, tmp_path: Path) -> None:
    """An artifact of another kind under the chart's name."""
    where = f"http://{registry}/v2/{helm.parent.name}/foreign/vipalived"
    empty = b"{}"
    digest = f"sha256:{hashlib.sha256(empty).hexdigest()}"
    started = urllib.request.Request(f"{where}/blobs/uploads/", method="POST")
    with urllib.request.urlopen(started, timeout=10) as answer:
        upload = answer.headers["Location"]
    put(f"{upload}&digest={digest}", empty, "application/octet-stream")
    blob = {"mediaType": "application/vnd.example+json", "digest": digest, "size": len(empty)}
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": blob, "layers": [blob]}
    put(f"{where}/manifests/{CHART_VERSION}", json.dumps(manifest).encode(), kind)
    place = f"oci://{registry}/{helm.parent.name}/foreign/vipalived"
    done = run(helm, str(helm), "template", "rel", place, *FROM, home=tmp_path)
    assert (done.returncode == 0, done.stdout) == (False, "")


def put(url: str, body: bytes, kind: str) -> None:
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201


def test_a_registry_that_refuses_is_a_failure_without_a_digest(tmp_path: Path) -> None:
    helm = find_helm(4)
    script = str(ROOT / "tools" / "push_chart.sh")
    # Nobody listens at the discard port of the loopback.
    done = run(helm, script, "oci://127.0.0.1:9/charts", "--plain-http", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "connection refused" in done.stderr
    assert run(helm, script, home=tmp_path).returncode == 2
