"""The start script's choice for `interface: auto`, in real networks, beside the agent's own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.render.namespace import Namespace, namespace
from vipalived.render import keepalived
from vipalived.render.interface import RESOLVED_FILE, choosing_script
from vipalived.render.keepalived_container import CONFIG_FILE
from vipalived.settings import load

pytestmark = pytest.mark.netns

ORACLE = """
import sys
from ipaddress import ip_address
from vipalived.interfaces import Undecided
from vipalived.net.choice import automatic
try:
    choice = automatic([ip_address(word) for word in sys.argv[1:]])
    print(f"{choice.interface} {choice.reason}")
except Undecided as error:
    print(error)
"""
WORLDS = {
    "subnet": (
        ["address add 198.18.0.1/24 dev eth0", "address add 198.19.0.1/24 dev eth1"],
        "198.19.0.100/24",
    ),
    "narrowest": (
        ["address add 198.18.0.1/15 dev eth0", "address add 198.18.0.2/20 dev eth1"],
        "198.18.15.9/32",
    ),
    "beyond the prefix": (["address add 198.18.0.1/20 dev eth0"], "198.18.16.9/32"),
    "default route": (
        [
            "address add 198.18.0.1/24 dev eth0",
            "address add 198.19.0.1/24 dev eth1",
            "route add default via 198.18.0.2 metric 200",
            "route add default via 198.19.0.2 metric 100",
        ],
        "172.16.101.101/32",
    ),
    "ipv6": (["-6 address add 2001:db8:0:1::1/64 dev eth1 nodad"], "2001:db8:0:1:8000::9/64"),
    "ipv6 route": (
        ["-6 address add 2001:db8::1/64 dev eth1 nodad", "-6 route add default via 2001:db8::2 dev eth1"],
        "2001:db8:7::9/128",
    ),
    "secondary": (
        ["address add 198.18.0.1/24 dev eth1", "address add 198.18.0.2/24 dev eth1"],
        "198.18.0.100/24",
    ),
    "the VIP is left behind": (
        ["address add 198.18.0.100/24 dev eth0", "address add 198.18.0.2/24 dev eth1"],
        "198.18.0.100/24",
    ),
    "point to point": (
        ["address add 198.18.0.1 peer 198.19.0.1/24 dev eth0", "address add 198.18.0.2/24 dev eth1"],
        "198.19.0.100/24",
    ),
    "no candidate": (["address add 198.18.0.1/24 dev cni0"], "198.18.0.100/24"),
    "none": ([], "198.18.0.100/24"),
    "two families, two interfaces": (
        ["address add 198.18.0.1/24 dev eth0", "-6 address add 2001:db8::1/64 dev eth1 nodad"],
        "198.18.0.100/24 2001:db8::100/64",
    ),
    "two families, one interface": (
        ["address add 198.18.0.1/24 dev eth1", "-6 address add 2001:db8::1/64 dev eth1 nodad"],
        "198.18.0.100/24 2001:db8::100/64",
    ),
}
SHELLS = [shell for shell in ("sh", "busybox") if shutil.which(shell)]


def chosen(inside: Namespace, place: Path, vips: Sequence[str], shell: str) -> tuple[int, list[str], str]:
    """The script's exit code, what it says, and the configuration that keepalived would read."""
    instance = {"interface": "auto", "virtualIpAddress": vips[0], "virtualIpAddresses": list(vips[1:])}
    place.mkdir()
    (place / "keepalived.conf").write_text(
        keepalived.render(load([{"keepalived": {"vrrpInstance": instance}}]).settings), encoding="utf-8"
    )
    script = choosing_script().replace(CONFIG_FILE, f"{place}/keepalived.conf")
    script = script.replace(RESOLVED_FILE, f"{place}/resolved") + 'echo "reads $conf"\n'
    words = [shell, "-c", script]
    if shell == "busybox":
        # Its own ip, awk and sed, as Alpine has them.
        (place / "bin").mkdir()
        for applet in ("ip", "awk", "sed", "sh"):
            (place / "bin" / applet).symlink_to(str(shutil.which("busybox")))
        words = ["env", f"PATH={place}/bin", str(place / "bin" / "sh"), "-c", script]
    verdict = inside.run(*words)
    file = place / "resolved"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return verdict.code, sorted(verdict.said.splitlines()), text


@pytest.mark.parametrize("world", WORLDS)
def test_the_script_chooses_as_the_agent_does(world: str, tmp_path: Path) -> None:
    commands, vips = WORLDS[world]
    with namespace(tmp_path, ["eth0", "eth1", "cni0"]) as inside:
        for command in commands:
            verdict = inside.run("ip", *command.split())
            assert verdict.code == 0, verdict.said
        addresses = [vip.partition("/")[0] for vip in vips.split()]
        expected = inside.run(sys.executable, "-c", ORACLE, *addresses).said.strip()
        for shell in SHELLS:
            code, said, text = chosen(inside, tmp_path / shell, vips.split(), shell)
            if expected.startswith("eth"):
                assert (code, text.count("interface auto")) == (0, 0), said
                assert f"  interface {expected.split()[0]}\n" in text
                assert said == [
                    f"reads {tmp_path}/{shell}/resolved",
                    f"vipalived: interface auto: {expected}",
                ]
            else:
                assert (code, text) == (1, "")
                assert f"vipalived: interface auto: {expected}" in said
