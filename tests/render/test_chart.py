"""The chart's generated files: up to date, and said from the model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given

from tests.broken import BROKEN, broken
from tests.strategies import Layer, valid_layers
from vipalived.errors import InvalidSettings
from vipalived.render import chart
from vipalived.settings import effective_values, load
from vipalived.settings.distributions import CONTROL_PLANE
from vipalived.settings.loading import known_paths
from vipalived.settings.model import PATTERN_WORDS, Settings
from vipalived.settings.rules import RULES
from vipalived.settings.values import merge

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_files_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "tools" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_presets_and_templates_are_those_of_the_model() -> None:
    shipped = ROOT / "charts/vipalived"
    assert chart.distributions_template() == (shipped / "templates/_distributions.tpl").read_text(
        encoding="utf-8"
    )
    assert chart.network_template() == (shipped / "templates/_network.tpl").read_text(encoding="utf-8")
    for name in ("kubeadm", "k3s", "rke2"):
        assert chart.preset(name) == (shipped / f"presets/{name}.yaml").read_text(encoding="utf-8")


def test_the_rules_are_those_of_the_model() -> None:
    text = chart.rules_template()
    assert text == (ROOT / "charts/vipalived/templates/_rules.tpl").read_text(encoding="utf-8")
    errors, warnings = text.split('{{- define "vipalived.warnings" -}}')
    assert errors.count("{{- if ") == sum(rule.severity == "error" for rule in RULES)
    assert warnings.count("{{- if ") == sum(rule.severity == "warning" for rule in RULES)


def test_the_chart_knows_the_defaults_of_what_is_newer_than_0_2_3() -> None:
    text = chart.defaults_template()
    defaults = json.loads(text[text.index("\n{\n") : text.rindex("{{- end")])
    newer = {
        "enabled",
        "engine",
        "native",
        "agent",
        "healthCheck",
        "lookupNodes",
        "podMonitor",
        "prometheusRule",
        "grafanaDashboard",
        "minReadySeconds",
        "helmTest",
        "commonLabels",
        "commonAnnotations",
        "serviceAccount",
        "terminationGracePeriodSeconds",
    }
    assert defaults.keys() == newer
    assert defaults.items() <= effective_values().items()


def test_values_yaml_says_the_defaults_and_a_sentence_for_each() -> None:
    text = chart.values_yaml()
    assert yaml.safe_load(text) == effective_values()
    assert text.count("# -- ") == chart.values_table().count("\n") - 2


def test_the_table_has_every_value() -> None:
    rows = [row.split(" | ")[0].removeprefix("| ") for row in chart.values_table().splitlines()[2:]]
    assert rows == sorted(rows)
    assert set(rows) <= set(known_paths(Settings))
    assert not [row for row in chart.values_table().splitlines()[2:] if row.endswith("| None |")]


OVERRIDES = json.loads(chart.overrides_schema())


@given(valid_layers())
def test_every_valid_values_file_fits_the_schema_of_overrides(layer: Layer) -> None:
    jsonschema.validate(layer, OVERRIDES)


def test_the_default_values_and_what_takes_them_away_fit_the_schema_of_overrides() -> None:
    jsonschema.validate({}, OVERRIDES)
    jsonschema.validate(effective_values(), OVERRIDES)
    jsonschema.validate({"nodeSelector": {CONTROL_PLANE: None}, "resources": {"limits": None}}, OVERRIDES)
    jsonschema.validate({"resources": {"requests": None, "limits": {"cpu": None}}}, OVERRIDES)
    jsonschema.validate({"healthCheck": {"interval": None}, "agent": None, "podLabels": None}, OVERRIDES)


CHARTS = json.loads(chart.values_schema())


# Python's `$` takes a line's end for the end of the text, other than the `$` of JSON Schema.
@pytest.mark.parametrize(("key", "value"), [one for one in BROKEN if "\\n" not in json.dumps(one)])
def test_the_schema_of_overrides_refuses_what_the_chart_does(key: str, value: Any) -> None:
    """Beside rules between values, which no schema has; of the chart's own one the forms of texts are taken out."""
    layer = broken({}, key, value)
    with pytest.raises(InvalidSettings) as caught:
        load([layer])
    formless = any(words in str(one) for one in caught.value.problems for words in PATTERN_WORDS.values())
    complete = merge(effective_values(), layer)
    refused = formless or not jsonschema.Draft7Validator(CHARTS).is_valid(complete)
    assert jsonschema.Draft7Validator(OVERRIDES).is_valid(layer) is not refused


def test_the_charts_schema_has_no_pattern_that_helm_could_answer_with() -> None:
    assert '"pattern"' in json.dumps(OVERRIDES)
    assert '"pattern"' not in json.dumps(CHARTS)


def test_the_schema_refuses_unknown_keys_and_is_complete() -> None:
    schema = json.loads(chart.values_schema())
    assert {*re.findall(r'"\$ref": "#/definitions/(\w+)"', json.dumps(schema))} == {*schema["definitions"]}
    assert schema["additionalProperties"] is False

    def check(node: object) -> None:
        if isinstance(node, dict):
            assert not {"ge", "le", "gt", "lt", "title", "$defs"} & (
                node.keys() - node.get("properties", {}).keys()
            )
            if "properties" in node or "patternProperties" in node:
                assert node["additionalProperties"] is False
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            check(inner)

    check({key: value for key, value in schema.items() if key != "$comment"})


def test_the_chart_tells_the_form_of_each_text_in_words() -> None:
    text = chart.forms_template()
    assert text == (ROOT / "charts" / "vipalived" / "templates" / "_forms.tpl").read_text(encoding="utf-8")
    forms = {
        ".".join(form["steps"]): form for form in json.loads(text[text.index("\n[") : text.rindex("]") + 1])
    }
    assert forms["keepalived.vrrpInstance.virtualIpAddress"]["words"].startswith(
        "a unicast address with its prefix"
    )
    assert {
        "keepalived.vrrpInstance.unicastPeers.[]",
        "nodes.*.unicastSourceAddress.[]",
        "resources.limits.*",
        "podLabels.*",
    } <= forms.keys()
    assert all(re.compile(form["pattern"]) and form["words"] for form in forms.values())
