"""Say whether the repository is ready to be released under a tag, and print the version.

usage: tools/release.py TAG     exit 1, with what is wrong, when a file is of another version
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PLACES = {
    "pyproject.toml": r'^version = "(.*)"$',
    "src/vipalived/release.py": r'^CHART_VERSION = "(.*)"$',
    "charts/vipalived/Chart.yaml": r"^version: (.*)$",
    "README.md": r"ghcr\.io/lexfrei/(?:charts/)?vipalived:(\S+)|@refs/tags/v([^\"\s]+)",
    "charts/vipalived/README.md": r"ghcr\.io/lexfrei/(?:charts/)?vipalived:(\S+)|@refs/tags/v([^\"\s]+)",
    "Containerfile": r'image\.version="(.*)"|--tag ghcr\.io/lexfrei/vipalived:(\S+)',
}
"""Every file that says which version this is, and where in it; all of the places must agree."""


def versions(root: Path, name: str) -> list[str]:
    """What the file says, place by place."""
    text = (root / name).read_text(encoding="utf-8")
    return ["".join(found.groups(default="")) for found in re.finditer(PLACES[name], text, re.MULTILINE)]


def problems(root: Path, version: str) -> list[str]:
    """Everything that is in the way of releasing `root` as `version`."""
    found = []
    for name in PLACES:
        said = versions(root, name)
        found += [] if said else [f"{name}: expected {version}, found no version"]
        found += [f"{name}: expected {version}, found {other}" for other in said if other != version]
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"(?m)^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changes):
        found.append(f"CHANGELOG.md: expected `## [{version}] - ` with the date of the release")
    return found


def main(arguments: list[str]) -> int:
    """Print the version or what is wrong."""
    if len(arguments) != 1 or not arguments[0].startswith("v"):
        print(f"usage: {Path(__file__).name} vVERSION", file=sys.stderr)
        return 2
    version = arguments[0].removeprefix("v")
    found = problems(ROOT, version)
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        return 1
    print(version)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
