"""What `auto` stands for, however the VIP is written."""

from __future__ import annotations

import pytest

from vipalived.settings.addresses import parse_vip
from vipalived.settings.automatic import virtual_router_id


@pytest.mark.parametrize(
    ("release", "vip", "number"),
    [
        ("vipalived", "198.18.0.100/24", 242),
        ("other", "198.18.0.100/24", 112),
        ("vipalived", "198.18.0.100/32", 242),
        ("vipalived", "2001:db8::100/64", 145),
        ("vipalived", "2001:0DB8:0:0::0100/128", 145),
        ("vipalived", "2001:db8::101/64", 167),
    ],
)
def test_a_virtual_router_id_is_of_release_and_address(release: str, vip: str, number: int) -> None:
    assert virtual_router_id("kube-system", release, parse_vip(vip)) == number
