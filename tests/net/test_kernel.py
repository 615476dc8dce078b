"""A real kernel, in namespaces of each test's own, with `ip` of iproute2 for a witness."""

from __future__ import annotations

import ctypes
import errno
import json
import math
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import netlink
from pyroute2.netlink import rtnl
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from vipalived.agent.child import call
from vipalived.errors import VipalivedError
from vipalived.lab import sandbox
from vipalived.net.choice import automatic, default_interface
from vipalived.net.kernel import Kernel
from vipalived.net.netlink import request
from vipalived.net.view import AddressChange, Change, LinkChange

pytestmark = pytest.mark.netns

V4, V6 = ip_address("198.18.0.100"), ip_address("2001:db8::100")
LINK_LOCAL = ip_address("fe80::200:5eff:fe00:233")
FOREVER = 4294967295
NEWUSER, NEWNET = 0x10000000, 0x40000000


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    """Says why where there can be none; in CI that is a failure."""
    refuse = pytest.fail if os.environ.get("CI") else pytest.skip
    try:
        sandbox.require_programs(["ip"], "iproute2")
        sandbox.check()
    except VipalivedError as error:
        refuse(f"{error.message}; {error.hint}")


def unshare(namespaces: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(namespaces):
        raise OSError(ctypes.get_errno(), "unshare")


def ip(words: str) -> Any:
    done = subprocess.run(["ip", "-j", *words.split()], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout or "null")


def enter() -> int:
    """New namespaces with the links v0 and v1, joined by a cable and without addresses; the index of v0."""
    user, group = os.getuid(), os.getgid()
    unshare(NEWUSER | NEWNET)
    for name, content in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path("/proc/self", name).write_text(content)
    ip("link add v0 type veth peer name v1")
    for name in ("v0", "v1"):
        ip(f"link set {name} addrgenmode none up")
    return socket.if_nametoindex("v0")


def alone(story: Callable[[Kernel, int], None]) -> Callable[[], None]:
    """A test that runs in a forked child, in namespaces, with a Kernel that has no news, and the index of v0."""

    def inside() -> None:
        index = enter()
        kernel = Kernel()
        try:
            wait(
                lambda: {link.name for link in kernel.view().links.values() if link.running} == {"v0", "v1"},
                2.0,
            )
            kernel.changes()
            story(kernel, index)
        finally:
            kernel.close()

    def test() -> None:
        call(inside)

    return test


def wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.01)


def told(kernel: Kernel, expected: Change, seconds: float = 1.0) -> None:
    """Waits for this news."""
    news: list[Change] = []

    def heard() -> bool:
        nonlocal news
        news += kernel.changes() or []
        return expected in news

    try:
        wait(heard, seconds)
    except AssertionError as error:
        raise AssertionError(f"expected {expected}, heard {news}") from error


def on_v0(*fields: str) -> list[tuple[Any, ...]]:
    """What `ip` says of each address on v0: these fields, False for a flag that is not set."""
    (link,) = ip("address show v0")
    return [tuple(address.get(field, False) for field in fields) for address in link["addr_info"]]


@alone
def test_an_ipv4_address_stands_alone_has_a_lease_and_is_not_preferred(kernel: Kernel, index: int) -> None:
    kernel.add(index, V4, 100.0)
    fields = ("local", "prefixlen", "scope", "deprecated", "noprefixroute", "preferred_life_time")
    assert on_v0(*fields) == [("198.18.0.100", 32, "global", True, True, 0)]
    assert on_v0("valid_life_time") in ([(100,)], [(99,)])


@alone
def test_an_ipv6_address_needs_no_duplicate_address_detection(kernel: Kernel, index: int) -> None:
    kernel.add(index, V6, 100.0)
    kernel.add(index, LINK_LOCAL, 100.0)
    fields = ("local", "prefixlen", "scope", "nodad", "tentative", "deprecated", "noprefixroute")
    assert sorted(on_v0(*fields)) == [
        ("2001:db8::100", 128, "global", True, False, True, True),
        ("fe80::200:5eff:fe00:233", 128, "link", True, False, True, True),
    ]
    assert {lease for lease, _ in on_v0("valid_life_time", "local")} <= {99, 100}


@alone
def test_a_lease_for_ever_never_ends(kernel: Kernel, index: int) -> None:
    kernel.add(index, V4, math.inf)
    kernel.add(index, V6, math.inf)
    assert on_v0("valid_life_time", "deprecated") == [(FOREVER, True), (FOREVER, True)]


@alone
def test_a_renewal_lengthens_the_lease(kernel: Kernel, index: int) -> None:
    for address in (V4, V6):
        kernel.add(index, address, 10.0)
        kernel.renew(index, address, 100.0)
    assert [lease > 10 for (lease,) in on_v0("valid_life_time")] == [True, True]


@alone
def test_a_lease_runs_out(kernel: Kernel, index: int) -> None:
    """The kernel looks after IPv4 addresses twice a second."""
    kernel.add(index, V4, 1.0)
    told(kernel, AddressChange(False, index, ip_interface(V4), primary=False, ours=True), 3.0)
    assert on_v0("local") == []


@alone
def test_a_removal_says_whether_the_address_was_there(kernel: Kernel, index: int) -> None:
    for address in (V4, ip_address("198.18.1.100"), V6):
        kernel.add(index, address, 100.0)
    assert kernel.remove(index, V4)
    assert kernel.remove(index, V6)
    assert on_v0("local") == [("198.18.1.100",)]
    assert not kernel.remove(index, V4)
    assert not kernel.remove(index, V6)
    assert not kernel.remove(99, V4)


@alone
def test_what_is_there_already_is_not_added_and_an_agents_own_is_known(kernel: Kernel, index: int) -> None:
    ip("address add 198.18.0.100/32 dev v0")
    ip("address add 2001:db8::100/64 dev v0 nodad")
    ip("address add 198.18.0.101/24 dev v0 preferred_lft 0 noprefixroute valid_lft 100")
    before = on_v0("local", "prefixlen", "valid_life_time", "deprecated")[:1]
    for vip in (V4, V6):
        with pytest.raises(FileExistsError):
            kernel.add(index, vip, 100.0)
    assert on_v0("local", "prefixlen", "valid_life_time", "deprecated")[:1] == before
    kernel.add(index, ip_address("198.18.0.101"), 100.0)
    kernel.add(index, LINK_LOCAL, math.inf)
    vips = {V4, V6, ip_address("198.18.0.101"), LINK_LOCAL}
    assert set(kernel.view().left(index, vips)) == {ip_address("198.18.0.101"), LINK_LOCAL}
    assert sorted(map(str, kernel.view().own(index, vips))) == [
        "198.18.0.100",
        "198.18.0.101",
        "2001:db8::100",
    ]


@alone
def test_on_an_old_kernel_an_agents_own_is_what_nobody_else_makes(kernel: Kernel, index: int) -> None:
    """Before 5.18 there are no marks, as here for what `ip` adds."""
    ip("address add 198.18.0.100/32 dev v0 preferred_lft 0 noprefixroute valid_lft 100")
    ip("address add 2001:db8::100/128 dev v0 nodad noprefixroute preferred_lft 0 valid_lft forever")
    ip("address add 198.18.0.101/32 dev v0 preferred_lft 0 valid_lft 100")
    ip("address add 198.18.0.102/32 dev v0 noprefixroute")
    addresses = [ip_address(f"198.18.0.{last}") for last in (100, 101, 102)]
    assert kernel.view().left(index, [*addresses, V6]) == [V4, V6]


@alone
def test_a_vip_is_no_source_brings_no_route_and_takes_nobody_along(kernel: Kernel, index: int) -> None:
    """Not even in a subnet that the node's own one has in it."""

    def facts() -> tuple[Any, ...]:
        return tuple(
            ip(words)
            for words in (
                "route show",
                "-6 route show",
                "route get 198.18.0.77",
                "route get 198.18.9.9",
                "route get 203.0.113.1",
                "route get 224.0.0.9 oif v0",
                "-6 route get 2001:db8::77",
                "-6 route get 2001:db8:9::9",
            )
        )

    own = ("198.18.0.1/16", "2001:db8::1/64")
    for address in own:
        ip(f"address add {address} dev v0 nodad" if ":" in address else f"address add {address} dev v0")
    ip("route add default via 198.18.0.254")
    ip("-6 route add default via 2001:db8::fe dev v0")
    wait(lambda: ip("-6 route get 2001:db8::77")[0].get("prefsrc") == "2001:db8::1", 2.0)
    before = facts()
    for vip in (V4, V6):
        kernel.add(index, vip, 100.0)
    assert facts() == before
    for vip in (V4, V6):
        kernel.remove(index, vip)
    assert facts() == before
    assert sorted(on_v0("local")) == [("198.18.0.1",), ("2001:db8::1",)]


@alone
def test_an_interface_that_is_not_there_is_an_error(kernel: Kernel, index: int) -> None:
    for address in (V4, V6):
        with pytest.raises(OSError, match="No such device") as caught:
            kernel.add(99, address, 100.0)
        assert caught.value.errno == errno.ENODEV


@alone
def test_a_missing_permission_is_an_error(kernel: Kernel, index: int) -> None:
    kernel.add(index, V4, 100.0)
    unshare(NEWUSER)  # where this process may do all it likes, but the links stay outside
    with pytest.raises(PermissionError):
        kernel.add(index, V4, 100.0)
    with pytest.raises(PermissionError):
        kernel.remove(index, V4)
    assert kernel.view().on(index) == [ip_interface(V4)]


@alone
def test_the_view_is_that_of_ip(kernel: Kernel, index: int) -> None:
    ip("link set lo up")
    ip("link add v2 type veth peer name v3")
    ip("link set v2 up")
    ip("address add 198.18.0.1/24 dev v0")
    ip("address add 198.18.1.1 peer 198.18.1.2/32 dev v1")
    ip("address add 2001:db8::1/64 dev v0 nodad")
    ip("address add 2001:db8::2 peer 2001:db8::3/128 dev v1 nodad")
    view, witness = kernel.view(), ip("address show")
    assert {(link.index, link.name) for link in view.links.values()} == {
        (link["ifindex"], link["ifname"]) for link in witness
    }
    assert sorted(link.name for link in view.links.values() if link.running) == ["lo", "v0", "v1"]
    assert {(at, str(address)) for at, address in view.addresses} == {
        (link["ifindex"], f"{address['local']}/{address['prefixlen']}")
        for link in witness
        for address in link["addr_info"]
    }
    assert len(view.addresses) == 6


@alone
def test_the_source_is_the_address_that_ip_calls_primary(kernel: Kernel, index: int) -> None:
    ip("address add 198.18.0.1/24 dev v0 preferred_lft 0")
    ip("address add 198.18.0.2/24 dev v0")
    ip("address add 198.18.1.3/24 dev v0")
    assert on_v0("local", "deprecated", "secondary") == [
        ("198.18.0.1", True, False),
        ("198.18.1.3", False, False),
        ("198.18.0.2", False, True),
    ]
    found = kernel.view().source(index, 4, frozenset())
    assert found is not None
    assert str(found.address) == "198.18.1.3"


@alone
def test_duplicate_address_detection_decides_what_is_usable(kernel: Kernel, index: int) -> None:
    """One probe after up to 1 s, and 1 s to object to it."""
    ip("address add fe80::1/64 dev v1 nodad")
    ip("address add fe80::1/64 dev v0")
    ip("address add fe80::2/64 dev v0")
    assert on_v0("tentative") == [(True,), (True,)]
    assert kernel.view().source(index, 6, frozenset()) is None
    told(kernel, AddressChange(True, index, ip_interface("fe80::2/64")), 4.0)
    assert sorted(on_v0("local", "dadfailed")) == [("fe80::1", True), ("fe80::2", False)]
    found = kernel.view().source(index, 6, frozenset())
    assert found is not None
    assert str(found.address) == "fe80::2"


@alone
def test_the_default_route_is_that_of_ip(kernel: Kernel, index: int) -> None:
    assert default_interface() is None
    ip("address add 198.18.0.1/24 dev v0")
    ip("address add 198.19.0.1/24 dev v1")
    ip("address add 2001:db8::1/64 dev v1 nodad")
    ip("-6 route add default via 2001:db8::2 dev v1 metric 1")
    ip("-6 route add unreachable default metric 4000")
    assert default_interface() == "v1"
    ip("route add default via 198.19.0.2 metric 600")
    ip("route add 0.0.0.0/1 via 198.19.0.2 metric 1")
    ip("route add default via 198.18.0.2 metric 100")
    ip("route add default via 198.19.0.2 metric 1 table 7")
    assert default_interface() == "v0"
    assert {(route.family, route.metric) for route in kernel.default_routes()} == {(4, 100), (4, 600), (6, 1)}
    assert automatic([ip_interface("198.19.0.9/32").ip]).interface == "v1"


@alone
def test_news_of_addresses(kernel: Kernel, index: int) -> None:
    """IPv4's are there at once, IPv6's when the kernel finds the time. What was added with a lease is none."""
    first, second = ip_interface("198.18.0.1/24"), ip_interface("198.18.0.2/24")
    ip(f"address add {first} dev v0")
    ip(f"address add {second} dev v0")
    kernel.add(index, V4, 100.0)
    kernel.remove(index, V4)
    assert kernel.changes() == [
        AddressChange(True, index, first),
        AddressChange(True, index, second, primary=False),
        AddressChange(False, index, ip_interface(V4), primary=False, ours=True),
    ]
    ip("address add 2001:db8::1/64 dev v0 nodad")
    told(kernel, AddressChange(True, index, ip_interface("2001:db8::1/64")))
    kernel.add(index, V6, 100.0)
    kernel.remove(index, V6)
    told(kernel, AddressChange(False, index, ip_interface(V6), primary=False, ours=True))


@alone
def test_news_of_links(kernel: Kernel, index: int) -> None:
    mac = bytes.fromhex(ip("link show v0")[0]["address"].replace(":", ""))

    def now(**fields: Any) -> LinkChange:
        usual = {"present": True, "index": index, "name": "v0", "running": True, "mac": mac}
        return LinkChange(**usual | fields)

    ip("link property add dev v0 altname uplink")
    told(kernel, now(alternatives=frozenset({"uplink"})))
    ip("link property del dev v0 altname uplink")
    told(kernel, now())
    ip("link set v1 down")
    told(kernel, now(running=False))
    assert "NO-CARRIER" in ip("link show v0")[0]["flags"]
    ip("link set v1 up")
    told(kernel, now())
    ip("link set v0 down")
    told(kernel, now(running=False))
    ip("link set v0 name v9")
    told(kernel, now(name="v9", running=False))
    ip("link set v9 address 02:00:00:00:00:09")
    mac = bytes.fromhex("020000000009")
    told(kernel, now(name="v9", running=False, mac=mac))
    ip("link del v9")
    told(kernel, now(name="v9", running=False, present=False))
    assert kernel.view().link("v9") is None


@alone
def test_what_a_bridge_says_of_its_port_is_not_about_the_link(kernel: Kernel, index: int) -> None:
    ip("link add br0 type bridge")
    ip("link set v0 master br0")
    ip("link set v0 nomaster")  # which the bridge tells as a link that is gone
    news = kernel.changes() or []
    assert (True, "v0", True) in [
        (change.present, change.name, change.running) for change in news if isinstance(change, LinkChange)
    ]
    assert [change for change in news if not change.present] == []


@alone
def test_who_was_told_too_much_looks_again(kernel: Kernel, index: int) -> None:
    """The news of 5000 removals is more than 2 MiB hold."""
    for _ in range(5000):
        kernel.add(index, V4, 100.0)
        kernel.remove(index, V4)
    assert kernel.changes() is None
    assert kernel.view().on(index) == []
    assert kernel.changes() == []
    ip("address add 198.18.0.1/24 dev v0")
    assert kernel.changes() == [AddressChange(True, index, ip_interface("198.18.0.1/24"))]


@alone
def test_news_are_read_in_portions(kernel: Kernel, index: int) -> None:
    for _ in range(50):
        kernel.add(index, V4, 100.0)
        kernel.remove(index, V4)
        ip("address add 198.18.0.1/24 dev v0")
        ip("address del 198.18.0.1/24 dev v0")
    portions = [len(kernel.changes() or ()) for _ in range(4)]
    assert portions == [64, 64, 22, 0]


@alone
def test_a_link_that_is_no_ethernet_has_no_mac(kernel: Kernel, index: int) -> None:
    macs = {link.name: link.mac is not None for link in kernel.view().links.values()}
    assert macs == {"lo": False, "v0": True, "v1": True}


@alone
def test_an_event_loop_is_woken_by_news_only(kernel: Kernel, index: int) -> None:
    assert select.select([kernel], [], [], 0)[0] == []
    kernel.add(index, V4, 100.0)
    kernel.renew(index, V4, 100.0)
    assert select.select([kernel], [], [], 0)[0] == []
    kernel.remove(index, V4)
    assert select.select([kernel], [], [], 1.0)[0] == [kernel]


@alone
def test_a_late_answer_is_nobodys(kernel: Kernel, index: int) -> None:
    refused = ifaddrmsg()
    kernel._requests.put(request(refused, rtnl.RTM_DELADDR, netlink.NLM_F_ACK))
    kernel.add(index, V4, 100.0)
    assert on_v0("local") == [("198.18.0.100",)]
    assert kernel.remove(index, V4)
