"""From layers to settings: every problem at once, each with its place and the way out."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import valid_layers
from vipalived.errors import (
    CheckFailed,
    ExitCode,
    InvalidSettings,
    MissingRequirement,
    PermissionMissing,
    Problem,
)
from vipalived.settings import effective_values, load
from vipalived.settings.values import parse_yaml

INSTANCE = "keepalived.vrrpInstance"


def problems(*texts: str) -> list[Problem]:
    with pytest.raises(InvalidSettings) as caught:
        load([parse_yaml(text, "values.yaml") for text in texts])
    return list(caught.value.problems)


def test_all_problems_are_reported_at_once() -> None:
    found = problems(
        """\
hostNetwork: false
nameSpace: x
keepalived:
  vrrpVersion: 2
  vrrpInstance:
    priority: 300
    advertInt: 0.5
    virtualIpAddress: 198.18.0.9
    authentication: {authPass: 'a#b'}
    trackInterface: [eth1, eth1]
nodes:
  cp-1: {prioritiy: 1}
"""
    )
    assert [str(problem) for problem in found] == [
        f"{INSTANCE}.priority: expected at most 255, found the number `300`",
        (
            f"{INSTANCE}.virtualIpAddress: expected a unicast address with its prefix, such as `192.168.1.100/24` "
            "or `2001:db8::100/64`, found the text `198.18.0.9`"
        ),
        "nodes.cp-1.prioritiy: unknown key",
        "nameSpace: unknown key",
        f"{INSTANCE}.advertInt: VRRPv2 carries whole seconds only, found 0.5",
        (
            f"{INSTANCE}.authentication.authPass: expected up to 8 ASCII letters, digits or "
            "`@%^&*()_+=:;,./?<>|~[]-`, found another character"
        ),
        "hostNetwork: the VIP would live and die in the pod's own network, found false",
        f"{INSTANCE}.trackInterface: an interface is listed twice, found eth1",
    ]
    assert [problem.hint for problem in found[:4]] == [
        None,
        "add a prefix: `198.18.0.9/32`; any will do, as it brings no route",
        "did you mean `nodes.cp-1.priority`?",
        "did you mean `namespace`?",
    ]


QUOTE = "put it in quotes; on a command line use `--set-string`"
ITEMS = "write each item on a line of its own, with `-` in front"
KEYS = "write `key: value` lines, without `-` in front"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("{static: 1}", "static: expected true or false, found the number `1`", None),
        ("{static: 'yes'}", "static: expected true or false, found the text `yes`", None),
        ("{tolerations: {}}", "tolerations: expected a list, found an object", ITEMS),
        ("{tolerations: [1]}", "tolerations[0]: expected an object, found the number `1`", None),
        ("{affinity: []}", "affinity: expected an object, found a list", KEYS),
        ("{image: x}", "image: expected an object, found the text `x`", None),
        ("{image: {tag: 3.20}}", "image.tag: expected text, found the number `3.2`", QUOTE),
        ("{image: {tag: yes}}", "image.tag: expected text, found the bool `true`", QUOTE),
        ("{image: {tag: []}}", "image.tag: expected text, found a list", None),
        ("{image: {tag: ' '}}", "image.tag: expected an image tag, found the text ` `", None),
        (
            "{image: {pullPolicy: always}}",
            "image.pullPolicy: expected 'Always', 'IfNotPresent' or 'Never', found the text `always`",
            None,
        ),
        (
            "{keepalived: {vrrpVersion: 4}}",
            "keepalived.vrrpVersion: expected 2 or 3, found the number `4`",
            None,
        ),
        (
            "{keepalived: {vrrpInstance: {priority: '100'}}}",
            f"{INSTANCE}.priority: expected a whole number, found the text `100`",
            "remove the quotes; on a command line use `--set`",
        ),
        (
            "{keepalived: {vrrpInstance: {priority: 1.5}}}",
            f"{INSTANCE}.priority: expected a whole number, found the number `1.5`",
            None,
        ),
        (
            "{keepalived: {vrrpInstance: {virtualRouterId: 0}}}",
            f"{INSTANCE}.virtualRouterId: expected a whole number from 1 to 255, or `auto`, found the number `0`",
            None,
        ),
        (
            "{keepalived: {vrrpInstance: {advertInt: fast}}}",
            f"{INSTANCE}.advertInt: expected a number, found the text `fast`",
            None,
        ),
        (
            "{keepalived: {vrrpInstance: {virtualIpAddress: '2001:db8::1'}}}",
            (
                f"{INSTANCE}.virtualIpAddress: expected a unicast address with its prefix, such as "
                "`192.168.1.100/24` or `2001:db8::100/64`, found the text `2001:db8::1`"
            ),
            "add a prefix: `2001:db8::1/128`; any will do, as it brings no route",
        ),
        (
            "{keepalived: {vrrpInstance: {interface: an-interface-name}}}",
            (
                f"{INSTANCE}.interface: expected an interface name: up to 15 letters, digits or `_.-`, "
                "found the text `an-interface-name`"
            ),
            None,
        ),
        (
            "{livenessProbe: {exec: {command: [1]}}}",
            "livenessProbe.exec.command[0]: expected text, found the number `1`",
            QUOTE,
        ),
        (
            "{nodes: {CP_1: {}}}",
            "nodes.CP_1: expected a node name: lower-case letters, digits, `-` and `.`, found the text `CP_1`",
            None,
        ),
        (
            "{podLabels: {'a b': x}}",
            "podLabels.a b: expected a Kubernetes label key, found the text `a b`",
            None,
        ),
        ("{podLabels: {a: 1}}", "podLabels.a: expected text, found the number `1`", QUOTE),
        ("{podLabels: {a: null}}", "podLabels.a: expected text, found null", None),
        ("{nodes: {a: null}}", "nodes.a: expected an object, found null", None),
        ("{tolerations: [null]}", "tolerations[0]: expected an object, found null", None),
        (
            "{virtualIpAdress: x}",
            "virtualIpAdress: unknown key",
            f"did you mean `{INSTANCE}.virtualIpAddress`?",
        ),
        (
            "{keepalived: {routerID: x}}",
            "keepalived.routerID: unknown key",
            "did you mean `keepalived.routerId`?",
        ),
        ("{zzz: x}", "zzz: unknown key", None),
        ('{"a\\nb\\x1b": x}', "a\\nb\\x1b: unknown key", None),
        (
            '{image: {tag: "\\n\\e[31m"}}',
            "image.tag: expected an image tag, found the text `\\n\\x1b[31m`",
            None,
        ),
        (
            "{namespace: null}",
            "namespace: expected a value, found null",
            "remove it to get the default",
        ),
        (
            "{keepalived: null}",
            "keepalived: expected a value, found null",
            "remove it to get the default",
        ),
        (
            "{keepalived: {garp: {masterDelay: null}}}",
            "keepalived.garp.masterDelay: expected a value, found null",
            "remove it to get the default",
        ),
        (
            "{nodes: {" + "a" * 300 + ": {}}}",
            f"nodes.{'a' * 194}...: expected at most 253 characters, found the text `{'a' * 80}...`",
            None,
        ),
    ],
)
def test_a_problem_says_where_what_and_how(text: str, said: str, hint: str | None) -> None:
    assert [(str(problem), problem.hint) for problem in problems(text)] == [(said, hint)]


def test_a_length_is_said_without_the_words() -> None:
    found = problems("{nodes: {" + ".".join(["a" * 60] * 5) + ": {}}}")
    assert found[0].message.startswith("expected at most 253 characters, found the text `aaa")


SECRET = "tOp~secr,t9"


@pytest.mark.parametrize(
    "value",
    [f"'{SECRET}'", f"['{SECRET}']", f"{{x: '{SECRET}'}}", "12345678901", f"'{SECRET}\\\\ #'"],
)
@pytest.mark.parametrize("version", [2, 3])
def test_no_message_shows_a_password(value: str, version: int) -> None:
    text = (
        f"{{keepalived: {{vrrpVersion: {version}, vrrpInstance: {{authentication: {{authPass: {value}}}}}}}}}"
    )
    for problem in problems(text):
        shown = f"{problem} {problem.hint}"
        assert "secr" not in shown
        assert "1234" not in shown
        assert problem.path.startswith(f"{INSTANCE}.authentication.authPass")


@given(st.text(st.characters(exclude_categories=["Cs", "L", "N", "Z"]), min_size=5, max_size=12))
def test_no_message_shows_any_password(password: str) -> None:
    layer = {"keepalived": {"vrrpVersion": 2, "vrrpInstance": {"authentication": {"authPass": password}}}}
    try:
        load([layer])
    except InvalidSettings as error:
        for problem in error.problems:
            assert password not in str(problem)


def test_null_takes_a_default_away_as_helm_does() -> None:
    layer = parse_yaml(
        """\
nodeSelector: {node-role.kubernetes.io/control-plane: null, a: b}
tolerations: null
resources: {limits: null}
securityContext: {capabilities: {add: null, drop: [KILL]}, privileged: true}
affinity: {podAffinity: null}
nodes: null
podLabels: null
keepalived: {vrrpInstance: {trackInterface: null}}
""",
        "values.yaml",
    )
    settings = load([layer]).settings
    assert settings.node_selector == {"a": "b"}
    assert settings.tolerations == []
    assert settings.resources == {"requests": {"cpu": "50m", "memory": "32Mi"}}
    assert settings.security_context == {"capabilities": {"drop": ["KILL"]}, "privileged": True}
    assert settings.affinity == {"podAffinity": None}
    assert settings.nodes == {}
    assert settings.keepalived.vrrp_instance.track_interface == []
    # Said as values they are null again, or the defaults would come back.
    values = effective_values([layer])
    assert values["nodeSelector"] == {"a": "b", "node-role.kubernetes.io/control-plane": None}
    assert values["resources"] == {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": None}


def test_a_later_layer_brings_back_what_an_earlier_one_took_away() -> None:
    assert load([{"namespace": None}, {"namespace": "x"}]).settings.namespace == "x"
    [problem] = problems("{namespace: x}", "{namespace: null}")
    assert problem.path == "namespace"


@given(valid_layers())
def test_effective_values_say_everything_and_mean_the_same(layer: dict[str, Any]) -> None:
    layer.pop("global", None)  # Helm's own, and no value of ours
    values = effective_values([layer])
    assert load([values]) == load([layer])
    assert effective_values([values]) == values


def test_the_layers_are_left_as_they_are() -> None:
    layer: dict[str, Any] = {"nodes": None, "podLabels": {"a": "b"}}
    load([layer, {"podLabels": {"c": "d"}}])
    assert layer == {"nodes": None, "podLabels": {"a": "b"}}


def test_what_is_wrong_in_several_ways_is_told_once_for_each() -> None:
    layer = {"nodes": {"CP_1": 1, "CP_2": {"priority": 0}}, "livenessProbe": {"exec": {"command": [1, 2]}}}
    before = copy.deepcopy(layer)
    with pytest.raises(InvalidSettings) as caught:
        load([layer])
    assert [problem.path for problem in caught.value.problems] == [
        "nodes.CP_1",
        "nodes.CP_1",
        "nodes.CP_2",
        "nodes.CP_2.priority",
        "livenessProbe.exec.command[0]",
        "livenessProbe.exec.command[1]",
    ]
    assert layer == before


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckFailed("no"), 1),
        (MissingRequirement("no"), 1),
        (PermissionMissing("no"), 4),
        (InvalidSettings(()), 2),
    ],
)
def test_each_error_has_its_exit_code(error: Any, code: int) -> None:
    assert error.exit_code == code
    assert error.hint is None


def test_an_error_is_read_as_text() -> None:
    assert str(InvalidSettings((Problem("", "one"), Problem("a.b", "two", "do")))) == "one\na.b: two"
    assert ExitCode.BUG == 70
