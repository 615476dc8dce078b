"""Which other releases are in the way, by what their ConfigMaps say."""

from __future__ import annotations

import pytest

from vipalived.cluster.rivals import Release, problems
from vipalived.render import keepalived
from vipalived.render.agent_container import files
from vipalived.settings import load
from vipalived.settings.values import parse_yaml

PUBLISHED = """\
vrrp_instance VI_CONTROL_PLANE {
    state BACKUP
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        172.16.101.101/32 dev eth0
    }
}
"""


def found(values: str, *others: Release) -> list[str]:
    settings = load([parse_yaml(values, "values.yaml")]).settings
    return [str(problem).partition(",")[0] for problem in problems(settings, "vipalived", others)]


def other(values: str, *, name: str = "other", namespace: str = "kube-system") -> Release:
    settings = load([parse_yaml(values, "values.yaml")]).settings
    native = settings.engine == "native"
    data = files(settings) if native else {"keepalived.conf": keepalived.render(settings)}
    return Release(name, namespace, data)


@pytest.mark.parametrize(
    "text", ["{}", "{engine: native}", "{keepalived: {vrrpInstance: {interface: eth7}}}"], ids=str
)
def test_the_same_vip_and_virtual_router(text: str) -> None:
    both = "keepalived.vrrpInstance: the VIP 172.16.101.101 and virtual router 51 belong to one release"
    assert found("{}", other(text)) == [both]
    assert found("{}", Release("old", "kube-system", {"keepalived.conf": PUBLISHED})) == [both]
    assert found("{}", other(text, name="vipalived", namespace="elsewhere")) == [both]
    assert found("{}", other(text, name="vipalived")) == []


def test_one_of_them_alone() -> None:
    instance = "{keepalived: {vrrpInstance: {%s}}}"
    another_router, another_vip = "virtualRouterId: 5", "virtualIpAddress: 172.16.101.10/32"
    assert found("{}", other(instance % another_router)) == [
        "keepalived.vrrpInstance: the VIP 172.16.101.101 belongs to one release"
    ]
    assert found("{}", other(instance % another_vip)) == [
        "keepalived.vrrpInstance: virtual router 51 belongs to one release"
    ]
    assert found("{}", other(instance % f"{another_router}, {another_vip}")) == []
    six = instance % "virtualIpAddress: '2001:db8::100/64', virtualRouterId: 9"
    assert found(six, other(six + "\n")) == [
        "keepalived.vrrpInstance: the VIP 2001:db8::100 and virtual router 9 belong to one release"
    ]
