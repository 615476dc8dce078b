"""The image, built from the repository's Containerfile; only its base is made here, of Debian's packages.

No registry of images is asked for anything: packages and wheels come from where this machine has them from.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.containers.hosts import Segment, sh

REPOSITORY = Path(__file__).parents[2]
SUITE, PYTHON = "trixie", "3.13"
"""The release of Debian that the Containerfile begins with, and its Python."""
_BASE = "localhost/debian"
_BASE_SCRIPT = """\
mmdebstrap --quiet --mode=root --variant=apt --include=wget --dpkgopt='path-exclude=/usr/share/doc/*' \
    {suite} - - | podman import --quiet - {base}
"""
_PIP = "[global]\nno-index = true\nfind-links = /wheels\n"


def build(segment: Segment, names: Sequence[str]) -> None:
    """Puts the image, by all of these names, into the segment's container storage."""
    # The segment's files and the machine's network.
    enter = segment.enter("mount", "pid")
    with _wheels(enter, segment.place / "wheels") as download:
        # wget is for plain keepalived's check: Alpine has one in busybox.
        script = _BASE_SCRIPT.format(suite=SUITE, base=_BASE)
        sh([*enter, "env", f"TMPDIR={segment.place}", "sh", "-ec", script], text=sources())
    assert download.returncode == 0, "pip could not download what the image is made of"
    configuration = segment.place / "pip.conf"
    sh([*enter, "tee", str(configuration)], text=_PIP)
    options = ["--isolation=chroot", "--network=host", "--layers=false", f"--build-arg=BASE={_BASE}"]
    options += [f"--volume={segment.place}/wheels:/wheels:ro", f"--volume={configuration}:/etc/pip.conf:ro"]
    sh(
        [
            *enter,
            "podman",
            "build",
            "--quiet",
            *options,
            *(f"--tag={name}" for name in names),
            str(REPOSITORY),
        ]
    )


def _wheels(enter: Sequence[str], place: Path) -> subprocess.Popen[bytes]:
    """Downloads the locked wheels, by whatever configuration pip has on this machine."""
    only = ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--python-version={PYTHON}"]
    locks = [f"--requirement={REPOSITORY}/requirements-{name}.txt" for name in ("image", "build")]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", *only, f"--dest={place}", *locks]
    return subprocess.Popen([*enter, *pip], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def sources() -> str:
    """The mirrors of Debian that apt has on this machine, for this release, whichever the machine's own is."""
    wanted = ("Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main")
    found = sh(["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted]).split()
    return "".join(f"deb {mirror} {SUITE} main\n" for mirror in dict.fromkeys(found))
