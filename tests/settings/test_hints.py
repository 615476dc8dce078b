"""What other people's values files got wrong, and the hint that puts it right: the nearest key at that place."""

from __future__ import annotations

import pytest

from vipalived.errors import InvalidSettings
from vipalived.settings import load
from vipalived.settings.values import parse_yaml

INSTANCE = "keepalived: {vrrpInstance: {%s}}"
OF_A_NODE = "a node may have `state`, `interface`, `priority`, `unicastSourceAddress` of its own"
WORDS = {
    # Keys.
    "nodes: {cp-1: {priorty: 5}}": "did you mean `nodes.cp-1.priority`?",
    "nodes: {cp-1.example.org: {interfaces: eth1}}": "did you mean `nodes.cp-1.example.org.interface`?",
    "nodes: {cp-1: {virtualIpAddress: 198.18.0.9/24}}": OF_A_NODE,
    "vipalived: {keepalived: {routerId: x}}": (
        "give what is below `vipalived` by itself: a chart's own values have no name around them"
    ),
    "updateStrategy: {rollingUpdate: {maxUnavailable: 1}}": "did you mean `updateStrategy.maxUnavailable`?",
    "priority: 150": "did you mean `keepalived.vrrpInstance.priority`?",
    "keepalived: {priority: 150}": "did you mean `keepalived.vrrpInstance.priority`?",
    "image: {repo: x}": None,
    "imag: {tag: x}": "did you mean `image`?",
    "keepalived.vrrpVersion: 3": "a values file nests its keys: `keepalived: {vrrpVersion: ...}`",
    "keepalived.vrrpInstance.priority: 3": (
        "a values file nests its keys: `keepalived: {vrrpInstance: {priority: ...}}`"
    ),
    "kind: DaemonSet": "this is a Kubernetes object, not a values file",
    "zzz: 1": None,
    # Values.
    INSTANCE
    % "virtualIpAddress: 198.18.0.9": "add a prefix: `198.18.0.9/32`; any will do, as it brings no route",
    INSTANCE % "virtualIpAddress: 198.18.0.9/255.255.255.0": "write the netmask as a prefix: `198.18.0.9/24`",
    INSTANCE % "virtualIpAddress: 198.18.0.9/255.0.255.0": None,
    INSTANCE % "virtualIpAddress: '[2001:db8::9]/64'": "remove the brackets: `2001:db8::9/64`",
    INSTANCE % "virtualIpAddress: 198.18.0.9/24 dev eth1": (
        "write `198.18.0.9/24` alone; the interface is `keepalived.vrrpInstance.interface`"
    ),
    INSTANCE % "virtualIpAddress: ' '": None,
    INSTANCE % "virtualIpAddresses: 198.18.0.9/24": (
        "write it as a list: `[a, b]`, or on a command line `{a,b}`"
    ),
    INSTANCE % "unicastPeers: [198.18.0.1/24]": "remove the prefix: `198.18.0.1`",
    INSTANCE % "priority: '150'": "remove the quotes; on a command line use `--set`",
    "updateStrategy: {maxUnavailable: 50%}": (
        "give a number of nodes: a control plane is too small for percentages"
    ),
    "imagePullSecrets: [regcred]": "write it as an object: `{name: regcred}`",
    "podLabels: [a]": "write `key: value` lines, without `-` in front",
    "tolerations: {key: a}": "write each item on a line of its own, with `-` in front",
    "podAnnotations: {x: true}": "put it in quotes; on a command line use `--set-string`",
    "image: {repository: 'alpine@sha256:00'}": "put what follows the `@` into `digest`, beside it",
    "image: {repository: ''}": None,
}


@pytest.mark.parametrize("text", WORDS)
def test_the_hint_can_be_followed(text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load([parse_yaml(text, "values.yaml")])
    assert [problem.hint for problem in caught.value.problems] == [WORDS[text]]
