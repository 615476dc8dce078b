"""What goes to Kubernetes as it is: of its own types, said by us and by the chart's schema alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import handed_on, json_objects
from vipalived.errors import InvalidSettings
from vipalived.render import chart
from vipalived.settings import load, objects
from vipalived.settings.model import KubernetesObject, Model, Settings
from vipalived.settings.values import parse_yaml

OPERATORS = "expected 'In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt' or 'Lt'"
TERM: dict[str, Any] = {"matchExpressions": [{"key": "disk", "operator": "Is"}]}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def node_affinity(term: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}}


def pods_with(labels: dict[str, Any]) -> dict[str, Any]:
    return {"topologyKey": "a", "labelSelector": {"matchLabels": labels}}


@pytest.mark.parametrize(
    ("layer", "problems"),
    [
        (
            {"securityContext": {"capabilities": {"ad": ["NET_RAW"]}}},
            [
                "securityContext.capabilities.ad: unknown key",
                "did you mean `securityContext.capabilities.add`?",
            ],
        ),
        (
            {"agent": {"securityContext": {"runAsUser": "0"}}},
            [
                "agent.securityContext.runAsUser: expected a whole number, found the text `0`",
                "remove the quotes; on a command line use `--set`",
            ],
        ),
        (
            {"podSecurityContext": {"seccompProfile": {}}},
            ["podSecurityContext.seccompProfile.type: it is missing, and Kubernetes requires it", None],
        ),
        (
            {"resources": {"limits": {"cpu": "50%"}}},
            [
                (
                    "resources.limits.cpu: expected a quantity such as `100m`, `0.5` or `64Mi`,"
                    " found the text `50%`"
                ),
                None,
            ],
        ),
        (
            {"tolerations": [{"operator": "Exists"}, {"operator": "Exist"}]},
            [
                "tolerations[1].operator: expected 'Exists', 'Equal', 'Lt', 'Gt' or '', found the text `Exist`",
                None,
            ],
        ),
        (
            {"staticTolerations": [{"efect": "NoSchedule"}]},
            ["staticTolerations[0].efect: unknown key", "did you mean `staticTolerations[0].effect`?"],
        ),
        (
            {"imagePullSecrets": [{"nam": "regcred"}]},
            ["imagePullSecrets[0].nam: unknown key", "did you mean `imagePullSecrets[0].name`?"],
        ),
        (
            {"affinity": node_affinity(TERM)},
            [
                (
                    f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].operator: {OPERATORS},"
                    " found the text `Is`"
                ),
                None,
            ],
        ),
        (
            {"staticAffinity": node_affinity({"matchExpression": []})},
            [
                f"staticAffinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpression: unknown key",
                f"did you mean `staticAffinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions`?",
            ],
        ),
        (
            {"resources": {"limits": {"cpu": {"a": 1}}}},
            ["resources.limits.cpu: expected text, found an object", None],
        ),
        (
            {
                "affinity": {
                    "podAffinity": {
                        REQUIRED: [{"topologyKey": "a", "labelSelector": {"matchLabels": {"b": 1}}}]
                    }
                }
            },
            [
                (
                    f"affinity.podAffinity.{REQUIRED}[0].labelSelector.matchLabels.b: expected text,"
                    " found the number `1`"
                ),
                "put it in quotes; on a command line use `--set-string`",
            ],
        ),
    ],
)
def test_what_kubernetes_would_refuse_is_refused(layer: dict[str, Any], problems: list[str | None]) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load([layer])
    assert [(str(one), one.hint) for one in caught.value.problems] == [tuple(problems)]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(layer, SCHEMA)


SCHEMA = json.loads(chart.overrides_schema())


@pytest.mark.parametrize("path", objects.KINDS)
def test_what_kubernetes_accepts_is_accepted(path: str) -> None:
    @given(handed_on(path))
    def accepted(value: object) -> None:
        group, _, key = path.rpartition(".")
        layer = {group: {key: value}} if group else {key: value}
        assert [*objects.findings(layer, {})] == []

    accepted()


@pytest.mark.parametrize("engine", ["keepalived", "native"])
@pytest.mark.parametrize(
    "values",
    [
        "securityContext: {capabilities: x}",
        "securityContext: {capabilities: {add: x}}",
        "securityContext: {capabilities: {add: [1, null], drop: [{}]}}",
        "agent: {securityContext: {capabilities: [x]}}",
        "agent: {securityContext: {capabilities: {drop: {}}}}",
        "podSecurityContext: {runAsUser: {}}",
        "resources: {requests: 5}",
        "resources: {limits: [], requests: {cpu: []}}",
    ],
)
def test_another_shape_is_refused_and_no_rule_stumbles_over_it(values: str, engine: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load([parse_yaml(f"engine: {engine}\nhealthCheck: {{enabled: true}}\n{values}", "values.yaml")])
    assert all("expected" in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize("path", objects.KINDS)
def test_whatever_is_there_is_accepted_or_refused(path: str) -> None:
    group, _, key = path.rpartition(".")

    @given(
        json_objects | st.dictionaries(st.sampled_from(["capabilities", "limits", "requests"]), json_objects)
    )
    def loaded(value: object) -> None:
        with suppress(InvalidSettings):
            load([{group: {key: value}} if group else {key: value}])

    loaded()


def test_a_quantity_may_be_a_number() -> None:
    limits = load([{"resources": {"limits": {"cpu": 1, "memory": 67108864}, "requests": {"cpu": 0.5}}}])
    assert limits.settings.resources["limits"] == {"cpu": 1, "memory": 67108864}


def test_every_object_that_is_handed_on_has_its_type() -> None:
    assert {*_handed_on(Settings, "")} == {*objects.KINDS, "global"}


def _handed_on(model: type[Model], prefix: str) -> Iterator[str]:
    for field in model.model_fields.values():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Model):
            yield from _handed_on(type(default), f"{prefix}{field.alias}.")
        elif field.annotation in (KubernetesObject, list[KubernetesObject]):
            yield f"{prefix}{field.alias}"
