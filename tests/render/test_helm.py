"""`vipalived template` and a real `helm template` make equal objects, and refuse the same values."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.broken import BROKEN, broken
from tests.examples import EXAMPLES
from tests.helm import CHART, in_order, opened, same, template, values_text
from tests.settings.test_rules import CASES
from tests.strategies import Layer, contexts, handed_on, resources, valid_layers
from vipalived.errors import InvalidSettings
from vipalived.release import CHART_VERSION
from vipalived.render.manifests import manifests
from vipalived.render.text import to_yaml
from vipalived.settings import load
from vipalived.settings.model import PATTERN_WORDS
from vipalived.settings.values import assign, parse_yaml

pytestmark = [pytest.mark.helm, pytest.mark.no_cover]

RELEASES = ("rel", "vipalived", "my-vipalived-2", "r" * 53)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
long = settings(quick, max_examples=3000)
no_shrink = settings(quick, phases=[Phase.explicit, Phase.generate])


def ours(text: str, release: str) -> list[dict[str, Any]]:
    """Our objects, in the order of their kinds and names."""
    return in_order(manifests(load([parse_yaml(text, "values.yaml")]).settings, release))


def check_equal(helm: Path, tmp_path: Path, layer: Layer, release: str) -> None:
    text = values_text(layer)
    theirs = template(helm, text, tmp_path, release=release)
    assert same(opened(ours(text, release)), opened(theirs.objects))


@quick
@given(layer=valid_layers(), release=st.sampled_from(RELEASES))
def test_valid_values_make_equal_objects(helm: Path, tmp_path: Path, layer: Layer, release: str) -> None:
    check_equal(helm, tmp_path, layer, release)


@pytest.mark.soak
@long
@given(layer=valid_layers(), release=st.sampled_from(RELEASES))
def test_many_valid_values_make_equal_objects(helm: Path, tmp_path: Path, layer: Layer, release: str) -> None:
    check_equal(helm, tmp_path, layer, release)


def refused_by_both(helm: Path, tmp_path: Path, text: str) -> None:
    assert template(helm, text, tmp_path).refused
    with pytest.raises(InvalidSettings):
        ours(text, "rel")


# go-yaml writes such a key without quotes, and then reads it as a merge, which Helm 3 does even before its templates.
@pytest.mark.parametrize("value", [1, None, [], {}, {"a": 1}, [{"a": 1}]])
@pytest.mark.parametrize(
    "place", ["affinity.<<", "tolerations[0].<<", "resources.limits.<<", "image.<<", "<<", "global.<<"]
)
def test_a_merge_as_a_key_is_refused_by_both(helm: Path, tmp_path: Path, place: str, value: Any) -> None:
    holder = value
    for step in reversed(re.findall(r"[^.\[\]]+", place)):
        holder = [holder] if step == "0" else {step: holder}
    refused_by_both(helm, tmp_path, values_text(holder))


@pytest.mark.parametrize(
    "argument", ["affinity.<<.a=1", "affinity.b=1,affinity.<<=1", "tolerations[0].<<.a=1"]
)
def test_a_merge_that_is_set_is_refused_by_both(helm: Path, tmp_path: Path, argument: str) -> None:
    assert template(helm, "{}", tmp_path, more=["--set", argument]).refused
    with pytest.raises(InvalidSettings, match="a key `<<` is a merge"):
        load([assign({}, argument)])


@pytest.mark.parametrize(("key", "value"), BROKEN)
def test_each_broken_value_is_refused_by_both(helm: Path, tmp_path: Path, key: str, value: Any) -> None:
    refused_by_both(helm, tmp_path, values_text(broken({}, key, value)))


def formless() -> Iterator[tuple[str, Any, str]]:
    """What is broken because of the form of a text, and our sentence."""
    for key, value in BROKEN:
        with pytest.raises(InvalidSettings) as caught:
            load([broken({}, key, value)])
        for said in (str(problem) for problem in caught.value.problems):
            if isinstance(value, str) and any(
                f"expected {words}, " in said for words in PATTERN_WORDS.values()
            ):
                yield key, value, said.partition(", found ")[0]


@pytest.mark.parametrize(("key", "value", "said"), [*formless()])
def test_helm_says_in_words_what_a_text_must_look_like(
    helm: Path, tmp_path: Path, key: str, value: Any, said: str
) -> None:
    refused = template(helm, values_text(broken({}, key, value)), tmp_path).refused
    assert f"- {said}, found " in refused
    assert "`vipalived check` says all of it" in refused
    assert "(?:" not in refused


def test_helm_names_the_place_in_a_list_and_of_a_node(helm: Path, tmp_path: Path) -> None:
    values = (
        "{keepalived: {vrrpInstance: {unicastPeers: [198.18.0.1, cp-1], virtualIpAddress: 198.18.0.9/24}},"
        " nodes: {cp-2: {unicastSourceAddress: [198.18.0.2, x]}}, resources: {limits: {memory: foo}}}"
    )
    refused = template(helm, values, tmp_path).refused
    assert (
        '- keepalived.vrrpInstance.unicastPeers[1]: expected an IPv4 or IPv6 unicast address, found "cp-1"'
        in refused
    )
    assert (
        '- nodes.cp-2.unicastSourceAddress[1]: expected an IPv4 or IPv6 unicast address, found "x"' in refused
    )
    assert (
        '- resources.limits.memory: expected a quantity such as `100m`, `0.5` or `64Mi`, found "foo"'
        in refused
    )


@no_shrink
@given(layer=valid_layers(), breaks=st.lists(st.sampled_from(BROKEN), min_size=1, max_size=3))
def test_values_broken_in_a_few_places_are_refused_by_both(
    helm: Path, tmp_path: Path, layer: Layer, breaks: list[tuple[str, Any]]
) -> None:
    # Once a group is gone there is no place in it to break.
    groups = {key for key, value in breaks if "." not in key}
    for key, value in breaks:
        if "." not in key or key.partition(".")[0] not in groups:
            layer = broken(layer, key, value)
    refused_by_both(helm, tmp_path, values_text(layer))


@no_shrink
@given(
    layer=st.fixed_dictionaries(
        {},
        optional={
            "engine": st.just("native"),
            "resources": resources,
            "securityContext": contexts,
            "agent": st.fixed_dictionaries({"securityContext": contexts}),
            "podSecurityContext": handed_on("podSecurityContext"),
        },
    )
)
def test_the_rights_of_a_container_are_judged_alike(helm: Path, tmp_path: Path, layer: Layer) -> None:
    text = values_text(layer)
    try:
        ours(text, "rel")
    except InvalidSettings:
        assert template(helm, text, tmp_path).refused
    else:
        assert not template(helm, text, tmp_path).refused


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.severity == "error"])
def test_each_rule_that_stops_stops_helm(helm: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    rendered = template(helm, case.broken, tmp_path)
    # A control character stops Helm 3 even before its templates run.
    assert case.said.partition(", found ")[0] in rendered.refused or name == "a control character"
    assert rendered.refused
    assert not template(helm, case.kept, tmp_path).refused


def notes(helm: Path, values: str, tmp_path: Path) -> str:
    """What `helm install` would show; it needs a cluster, so a template of ours includes the notes."""
    chart = tmp_path / "vipalived"
    if not chart.exists():
        shutil.copytree(CHART, chart)
        body = 'kind: Notes\ntext: {{ include (print .Template.BasePath "/NOTES.txt") . | quote }}\n'
        (chart / "templates" / "notes.yaml").write_text(body)
    [found] = [o for o in template(helm, values, tmp_path, chart=chart).objects if o["kind"] == "Notes"]
    return str(found["text"])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.severity == "warning"])
def test_each_warning_is_shown_by_helm(helm: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    warned = f"- {case.path}: {case.said.partition(', found ')[0]}\n  hint: "
    assert warned in notes(helm, case.broken, tmp_path)
    assert warned not in notes(helm, case.kept, tmp_path)


@pytest.mark.parametrize(
    ("distribution", "parent", "folder"),
    [
        *((name, "/etc/kubernetes", "manifests") for name in ("null", "''", "kubeadm")),
        *((name, f"/var/lib/rancher/{name}/agent", "pod-manifests") for name in ("k3s", "rke2")),
    ],
)
def test_the_notes_of_a_static_pod_say_what_it_is_for(
    helm: Path, tmp_path: Path, distribution: str, parent: str, folder: str
) -> None:
    file = f"{parent}/vipalived.yaml"
    vip = "keepalived: {vrrpInstance: {virtualIpAddress: 198.18.0.9/24}}"
    values = f"{{static: true, distribution: {distribution}, {vip}}}"
    assert notes(helm, values, tmp_path) == (
        "These values are for a static pod (Day 1), which kubelet starts from a file, before there is an API server."
        " Installed by\nHelm it is one pod on any one node, without a controller, and nothing keeps the VIP when that"
        " node dies. Take it away:\n\n"
        "  helm uninstall rel --namespace default\n\n"
        "print the file instead, by the same values:\n\n"
        "  helm template rel CHART --set static=true --values values.yaml > vipalived.yaml\n\n"
        "and put it on each control plane node, whole, as kubelet reads whatever it finds in its folder:\n\n"
        f"  sudo cp vipalived.yaml {file} && sudo mv {file} {parent}/{folder}/\n\n"
        "or install without `static: true`, for a DaemonSet (Day 2).\n"
    )


def test_the_notes_name_the_labels_where_there_are_any(helm: Path, tmp_path: Path) -> None:
    said = notes(helm, "{nodeSelector: {node-role.kubernetes.io/control-plane: null}}", tmp_path)
    assert "No pod? The taints of the nodes must be tolerated.\n" in said
    said = notes(helm, "{nodeSelector: {a: b, node-role.kubernetes.io/control-plane: null}}", tmp_path)
    assert "No pod? The nodes need these labels, and their taints must be tolerated:\n  a: b\n" in said


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_documented_example_is_rendered(helm: Path, tmp_path: Path, name: str) -> None:
    assert same(ours(EXAMPLES[name], "rel"), template(helm, EXAMPLES[name], tmp_path).objects)


PRESETS = sorted((CHART / "presets").iterdir())


def test_each_distribution_has_a_preset() -> None:
    assert [preset.stem for preset in PRESETS] == ["k3s", "kubeadm", "rke2"]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_preset_makes_the_objects_of_its_distribution(helm: Path, tmp_path: Path, preset: Path) -> None:
    text = preset.read_text(encoding="utf-8")
    named = values_text({"distribution": preset.stem})
    expected = ours(named, "rel")
    assert same(ours(text, "rel"), expected)
    assert same(template(helm, text, tmp_path).objects, expected)
    assert same(template(helm, named, tmp_path).objects, expected)
    assert not same(ours("{}", "rel"), expected)


SHIPPED = sorted((CHART / "examples").iterdir())


def test_there_is_an_example_for_each_way_to_run_it() -> None:
    names = {example.stem for example in SHIPPED}
    assert names == {"dual-stack", "hardened", "native", "priorities", "unicast"}


@pytest.mark.parametrize("example", SHIPPED, ids=lambda example: example.stem)
def test_each_example_that_is_shipped_is_valid_and_means_the_same_to_both(
    helm: Path, tmp_path: Path, example: Path
) -> None:
    text = example.read_text(encoding="utf-8")
    loaded = load([parse_yaml(text, example.name)])
    # The VIP is for another file to say where an example has none.
    assert [one.path for one in loaded.warnings] == (
        [] if "virtualIpAddress" in text else ["keepalived.vrrpInstance.virtualIpAddress"]
    )
    assert loaded.settings.image.tag in {"", CHART_VERSION}
    assert same(opened(template(helm, text, tmp_path).objects), opened(ours(text, "rel")))


def test_helm_finds_nothing_to_complain_about(helm: Path) -> None:
    done = subprocess.run(
        [str(helm), "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not re.search(r"\[(INFO|WARNING|ERROR)\]", said), said


def test_leftovers_are_not_packaged(helm: Path, tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "vipalived")
    for name in ("values.yaml.orig", ".values.yaml.swp", "README.md~", "old.tgz", "templates/pod.yaml.bak"):
        (chart / name).write_text("x")
    subprocess.run([helm, "package", chart], cwd=tmp_path, check=True, capture_output=True, timeout=30)
    with tarfile.open(tmp_path / f"vipalived-{CHART_VERSION}.tgz") as package:
        packed = {name.partition("/")[2] for name in package.getnames()}
    whole = {str(file.relative_to(CHART)) for file in CHART.rglob("*") if file.is_file()}
    assert packed == whole - {".helmignore"}


def test_the_chart_is_a_dependency_of_another(helm: Path, tmp_path: Path) -> None:
    umbrella = tmp_path / "umbrella"
    shutil.copytree(CHART, umbrella / "charts" / "vipalived")
    (umbrella / "Chart.yaml").write_text(
        "{apiVersion: v2, name: umbrella, version: 0.1.0, dependencies: [{name: vipalived, version: '*'}]}"
    )
    values = "{global: {imageRegistry: example}, vipalived: {namespace: elsewhere}}"
    rendered = template(helm, values, tmp_path, chart=umbrella)
    ours_with_it = ours("{namespace: elsewhere, global: {imageRegistry: example}}", "rel")
    assert same(ours_with_it, rendered.objects)


def read_by_kubernetes(helm: Path, chart: Path, text: str) -> Any:
    """What kubectl reads in one document: Helm has the same library, and a chart that shows one of its files.

    Not its values: of those Helm 3 leaves out what is null.
    """
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: reader, version: 0.1.0}")
    (chart / "document.yaml").write_text(text, encoding="utf-8")
    (chart / "templates" / "all.yaml").write_text(
        "kind: Read\nread: {{ .Files.Get `document.yaml` | fromYaml | toJson | quote }}"
    )
    return json.loads(template(helm, "{}", chart, chart=chart).objects[0]["read"])


@quick
@given(layer=valid_layers())
def test_our_text_is_read_by_kubernetes_as_what_it_means(
    helm: Path, tmp_path_factory: pytest.TempPathFactory, layer: Layer
) -> None:
    found = ours(values_text(layer), "rel")
    documents = re.split(r"(?m)^---\n", to_yaml(found))[1:]
    assert len(documents) == len(found)
    assert same(found[0], read_by_kubernetes(helm, tmp_path_factory.getbasetemp() / "reader", documents[0]))


# Beside the property tests, which meet one such text in thousands: all at once, and always the same.
PIECES = (
    "", " ", "\n", "\t", "\r", "#", ": ", "- ", "-", "+", "_", "0", "9", ".", "e", "x", "o", "y", "null", "~", "=", "<",
    ">", "|", "%", "@", "`", "'", '"', "\\", "{", "}", "[", "]", ",", "&", "*", "!", "?", "---", "...", "{{", "12:30",
    "\0", "\x1b", "\xa0", "\u00e9", "\u202e", "\U0001f600", "\U0010ffff",
)  # fmt: skip
TEXTS = {"".join(pieces) for pieces in product(PIECES, repeat=2)} - {"<<"}
NUMERALS = "0_9.-+ex"


@pytest.mark.parametrize("length", [4, pytest.param(5, marks=pytest.mark.soak)])
def test_every_text_is_the_same_to_all(helm: Path, tmp_path: Path, length: int) -> None:
    numerals = map("".join, product(NUMERALS, repeat=length))
    texts = sorted(TEXTS | set(numerals))
    selector = {"matchLabels": {text: text for text in texts}}
    term = {"topologyKey": "", "matchLabelKeys": texts, "labelSelector": selector}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    layer = {"static": True, "staticAffinity": {"podAffinity": required}}
    check_equal(helm, tmp_path, layer, "rel")
    [pod] = ours(values_text(layer), "rel")
    assert same(pod, read_by_kubernetes(helm, tmp_path / "reader", to_yaml([pod])))
