"""The interface's name in place of `auto`."""

from __future__ import annotations

from vipalived.render import keepalived
from vipalived.render.placeholder import on_interface
from vipalived.settings import load


def rendered(more: str = "") -> str:
    values = {"keepalived": {"vrrpInstance": {"interface": "auto", "trackInterface": more.split()}}}
    return keepalived.render(load([values]).settings)


def test_the_name_stands_where_auto_stood_and_nothing_else_changes() -> None:
    before, after = rendered().splitlines(), on_interface(rendered(), "eth1").splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [("  interface auto", "  interface eth1")]


def test_who_carries_vrrp_is_tracked_no_more() -> None:
    assert "track_interface" not in on_interface(rendered("eth1"), "eth1")
    text = on_interface(rendered("eth0 eth1 eth2"), "eth1")
    assert "  track_interface {\n    eth0\n    eth2\n  }\n" in text
