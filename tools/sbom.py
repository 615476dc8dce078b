"""What a part of the release is made of, as CycloneDX on stdout.

usage: tools/sbom.py chart
       tools/sbom.py image     with the files of the image on stdin, as `docker export` gives them
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import yaml
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "vipalived"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME, VERSION = PROJECT["name"], PROJECT["version"]
_FORM = SchemaVersion.V1_6
_INTO = {"python_version": "3.13", "python_full_version": "3.13.5"}
"""Where the wheels of the image go: Debian 13."""


def image() -> Bom:
    """The Debian packages that the files on stdin say are installed, and the agent with what is locked for it."""
    debian = _made("debsbom", "generate", "--root", "-", "--sbom-type", "cdx", "--out", "-")
    locked = _locked((ROOT / "requirements-image.txt").read_text(encoding="utf-8"))
    python = _made(
        "cyclonedx-py", "requirements", "--pyproject", str(ROOT / "pyproject.toml"), "-", text=locked
    )
    agent = _component(
        ComponentType.APPLICATION, NAME, VERSION, PackageURL("pypi", name=NAME, version=VERSION)
    )
    system = debian.metadata.component
    if system is None:
        sys.exit("debsbom has named no system")
    whole = Bom(
        components=[system, agent, *debian.components, *python.components], dependencies=debian.dependencies
    )
    whole.register_dependency(agent, python.components)
    return _of(whole, _oci(ComponentType.CONTAINER, f"ghcr.io/lexfrei/{NAME}", VERSION), [system, agent])


def chart() -> Bom:
    """The chart, and the images that its default values name."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    definition = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    plain, agent = values["image"]["repository"], values["agent"]["image"]["repository"]
    tags = {plain: definition["appVersion"], agent: VERSION}
    images = [_oci(ComponentType.CONTAINER, *one) for one in tags.items()]
    return _of(
        Bom(components=images),
        _oci(ComponentType.APPLICATION, f"ghcr.io/lexfrei/charts/{NAME}", VERSION),
        images,
    )


def _made(program: str, *arguments: str, text: str | None = None) -> Bom:
    """What another program says; it reads the text, or our own stdin."""
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    given = {"stdin": sys.stdin} if text is None else {"input": text}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **given)
    if done.returncode:
        sys.exit(f"{program} failed:\n{done.stderr}")
    bom: Bom = Bom.from_json(json.loads(done.stdout))  # type: ignore[attr-defined] # a decorator adds it
    return bom


def _locked(text: str) -> str:
    """The requirements of a lock that are installed in the image."""
    entries = [entry.partition(" --hash")[0] for entry in text.replace("\\\n", "").splitlines()]
    wanted = [one for one in map(Requirement, entries) if one.marker is None or one.marker.evaluate(_INTO)]
    return "".join(f"{one.name}{one.specifier}\n" for one in wanted)


def _component(kind: ComponentType, name: str, version: str, url: PackageURL) -> Component:
    return Component(type=kind, name=name, version=version, purl=url, bom_ref=str(url))


def _oci(kind: ComponentType, repository: str, tag: str) -> Component:
    where = {"repository_url": repository, "tag": tag}
    url = PackageURL("oci", name=repository.rpartition("/")[2], qualifiers=where)
    return _component(kind, repository, tag, url)


def _of(bom: Bom, whole: Component, parts: Sequence[Component]) -> Bom:
    """The same, of something that these parts make up."""
    bom.metadata.component = whole
    bom.register_dependency(whole, parts)
    return bom


def main(arguments: Sequence[str]) -> int:
    """Write it, if it is what CycloneDX says that it must be."""
    kinds = {"chart": chart, "image": image}
    if len(arguments) != 1 or arguments[0] not in kinds:
        print(f"usage: {Path(__file__).name} {'|'.join(kinds)}", file=sys.stderr)
        return 2
    text = make_outputter(kinds[arguments[0]](), OutputFormat.JSON, _FORM).output_as_string(indent=1)
    if wrong := JsonStrictValidator(_FORM).validate_str(text):
        print(f"not CycloneDX {_FORM.to_version()}: {wrong}", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
