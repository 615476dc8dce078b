"""What Artifact Hub is told of the chart, in the form that it reads: https://artifacthub.io/docs/topics/annotations/helm/"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from vipalived.render.manifests import manifests
from vipalived.settings import load

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "charts/vipalived/README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CHART = yaml.safe_load((ROOT / "charts/vipalived/Chart.yaml").read_text(encoding="utf-8"))


def told(name: str) -> Any:
    """An annotation that is a list: YAML inside a text."""
    return yaml.safe_load(CHART["annotations"][f"artifacthub.io/{name}"])


def images(layer: dict[str, Any]) -> set[str]:
    """The images of what the values make."""
    found: set[str] = set()
    for made in manifests(load([layer]).settings, "rel"):
        if made["kind"] == "DaemonSet":
            found |= {container["image"] for container in made["spec"]["template"]["spec"]["containers"]}
    return found


def test_every_annotation_is_a_text_as_kubernetes_demands() -> None:
    assert all(isinstance(value, str) for value in CHART["annotations"].values())


def test_the_images_are_those_that_the_chart_runs() -> None:
    listed = {image["image"] for image in told("images")}
    assert listed == images({}) | images({"engine": "native"})
    assert images({"engine": "native"}) < listed


def test_the_changes_are_the_newest_of_the_changelog_each_of_a_kind_that_artifact_hub_knows() -> None:
    newest = CHANGELOG.split("\n## ")[1]
    changes = told("changes")
    assert len(changes) == len(re.findall(r"(?m)^- ", newest)) > 10
    assert {change["kind"] for change in changes} <= {
        *("added", "changed", "deprecated", "removed", "fixed", "security")
    }
    words = newest.split()
    for change in changes:
        assert set(change) == {"kind", "description"}
        first = change["description"].split()
        assert any(words[at : at + len(first)] == first for at in range(len(words)))


def test_the_icon_is_a_picture_of_this_repository() -> None:
    where = f"{CHART['home'].replace('//github.com/', '//raw.githubusercontent.com/')}/main/"
    assert CHART["icon"].startswith(where)
    picture = ElementTree.parse(ROOT / CHART["icon"].removeprefix(where)).getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_links_and_maintainers_are_those_of_the_readme() -> None:
    assert len(told("links")) >= 4
    for link in told("links"):
        assert f"- [{link['name']}]({link['url']})" in README
    for maintainer in CHART["maintainers"]:
        assert f"| {maintainer['name']} | <{maintainer['email']}> |" in README
