"""The lab's network: one bridge, a network namespace per host, and the faults that links can have.

It is built inside the namespaces of `vipalived.lab.sandbox`, as root of them, and never taken down:
it ends with its process.
"""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from vipalived.lab.plan import Host, Plan
from vipalived.lab.sandbox import inside

ROOT = Path("/run/vipalived-lab")

_SYSCTLS = {
    # Linux's own defaults: a new namespace starts with whatever the machine's administrator chose.
    "net.ipv4.ip_forward": 0,
    "net.ipv4.icmp_ratelimit": 1000,
    **{
        f"net.ipv4.conf.{scope}.{name}": value
        for scope in ("all", "default")
        for name, value in {
            "accept_local": 0,
            "accept_redirects": 1,
            "arp_accept": 0,
            "arp_announce": 0,
            "arp_filter": 0,
            "arp_ignore": 0,
            "arp_notify": 0,
            "drop_gratuitous_arp": 0,
            "promote_secondaries": 0,
            "rp_filter": 0,
            "send_redirects": 1,
        }.items()
    },
    **{
        f"net.ipv6.conf.{scope}.{name}": value
        for scope in ("all", "default")
        for name, value in {"disable_ipv6": 0, "forwarding": 0, "accept_ra": 1, "accept_redirects": 1}.items()
    },
}
_NEIGHBOUR_SYSCTLS = {
    "base_reachable_time_ms": 30000,
    "delay_first_probe_time": 5,
    "gc_stale_time": 60,
    "locktime": 100,
    "mcast_solicit": 3,
    "retrans_time_ms": 1000,
    "ucast_solicit": 3,
}


class World:
    """The bridge with its hosts. Everything that names a node takes the node's name.

    Worlds of several numbers know nothing of each other; `place` is this one's directory.
    """

    def __init__(self, plan: Plan, number: int = 0) -> None:
        from pyroute2 import IPRoute

        self.plan, self._number = plan, number
        self._vips = {vip.ip for vip in plan.vips}
        _private_run()
        self.place = ROOT / f"world{number}"
        self.place.mkdir()
        self._switch = IPRoute()
        bridge = f"lab{number}"
        self._switch.link("add", ifname=bridge, kind="bridge", br_stp_state=0, br_mcast_snooping=0)
        self._bridge = self._switch.link_lookup(ifname=bridge)[0]
        self._switch.link("set", index=self._bridge, state="up")
        self._ports: dict[str, int] = {}
        self._paths: dict[str, Path] = {}
        self._inside: dict[str, Any] = {}
        for index, host in enumerate((*plan.nodes, plan.client)):
            self._add(index, host)
        for route in plan.routes:
            link = self._inside[plan.client.name].link_lookup(ifname=plan.client.link)[0]
            self._inside[plan.client.name].route("add", dst=str(route), oif=link)

    def _add(self, index: int, host: Host) -> None:
        """A namespace of its own for the host, a link to the bridge, and its addresses."""
        from pyroute2 import IPRoute, netns

        path = self._paths[host.name] = self.place / "netns" / str(index)
        netns.create(str(path))
        inside = self._inside[host.name] = IPRoute(netns=str(path))
        _set_sysctls(path, _SYSCTLS)
        inside.link("set", index=inside.link_lookup(ifname="lo")[0], state="up")
        self._ports[host.name] = self._wire(f"lab{self._number}.{index}", host.link, path, host.mac)
        self._switch.link("set", index=self._ports[host.name], master=self._bridge)
        for number, further in enumerate(host.further_links):
            self._wire(f"lab{self._number}.{index}.{number}", further, path, None)
            inside.link("set", index=inside.link_lookup(ifname=further)[0], state="up")
        neighbours = {
            f"net.ipv{family}.neigh.{host.link}.{name}": value
            for family in (4, 6)
            for name, value in _NEIGHBOUR_SYSCTLS.items()
            if not (family == 6 and name == "locktime")
        }
        _set_sysctls(path, neighbours)
        link = inside.link_lookup(ifname=host.link)[0]
        inside.link("set", index=link, state="up")
        for address in host.addresses:
            # Nobody else is on this bridge: duplicate address detection would only take time.
            flags = {"flags": 0x02} if address.version == 6 else {}
            inside.addr(
                "add", index=link, address=str(address.ip), prefixlen=address.network.prefixlen, **flags
            )

    def _wire(self, port: str, link: str, path: Path, mac: str | None) -> int:
        """A cable from the bridge's namespace into a host's; returns the index of the near end."""
        peer: dict[str, Any] = {"ifname": link, "net_ns_fd": str(path)}
        self._switch.link("add", ifname=port, kind="veth", peer=peer | ({"address": mac} if mac else {}))
        index: int = self._switch.link_lookup(ifname=port)[0]
        self._switch.link("set", index=index, state="up")
        return index

    def namespaces(self) -> Mapping[str, Path]:
        """The network namespace of each node."""
        return {host.name: self._paths[host.name] for host in self.plan.nodes}

    def enter(self, name: str) -> list[str]:
        """The words that, before a command, run it on that host."""
        return ["nsenter", f"--net={self._paths[name]}", "--"]

    def cut(self, node: str) -> None:
        """The node's cable breaks: it loses carrier."""
        self._switch.link("set", index=self._ports[node], state="down")

    def isolate(self, node: str) -> None:
        """The network between the node and the others fails; the node's carrier stays."""
        self._switch.link("set", index=self._ports[node], master=0)

    def heal(self, node: str) -> None:
        """Undoes `cut` and `isolate`."""
        self._switch.link("set", index=self._ports[node], state="up", master=self._bridge)

    def clean(self) -> None:
        """Between trials: every link whole, no VIP left on any node, the client's memory of it gone."""
        for host in self.plan.nodes:
            self.heal(host.name)
            self.remove_vips(host.name)
        self._forget_vips()

    def _forget_vips(self) -> None:
        inside = self._inside[self.plan.client.name]
        for entry in list(inside.get_neighbours()):
            if ip_address(entry.get_attr("NDA_DST")) in self._vips:
                with _if_still_there():
                    inside.neigh("del", dst=entry.get_attr("NDA_DST"), ifindex=entry["ifindex"])

    def remove_vips(self, node: str) -> None:
        """Takes the VIPs off a node whose daemon is gone."""
        inside = self._inside[node]
        for message in list(inside.get_addr()):
            address = ip_interface(f"{message.get_attr('IFA_ADDRESS')}/{message['prefixlen']}")
            if address.ip in self._vips:
                with _if_still_there():
                    inside.addr(
                        "del", index=message["index"], address=str(address.ip), prefixlen=message["prefixlen"]
                    )

    def tentative(self, node: str) -> bool:
        """Whether an address of the node still waits for duplicate address detection."""
        return any(message["flags"] & 0x40 for message in self._inside[node].get_addr())

    def describe(self) -> str:
        """Every node's addresses and the client's neighbours, for a person to read."""
        parts = []
        for host in self.plan.nodes:
            found = (str(message.get_attr("IFA_ADDRESS")) for message in self._inside[host.name].get_addr())
            parts.append(f"{host.name}: {', '.join(found)}")
        neighbours = self._inside[self.plan.client.name].get_neighbours()
        known = (f"{entry.get_attr('NDA_DST')} at {entry.get_attr('NDA_LLADDR')}" for entry in neighbours)
        return "\n".join([*parts, f"{self.plan.client.name} knows: {', '.join(known)}"])


@contextmanager
def _if_still_there() -> Iterator[None]:
    """The kernel may have been quicker: a lease ends, and a neighbour is forgotten, by themselves."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        if error.code not in {errno.EADDRNOTAVAIL, errno.ENOENT}:
            raise


def _private_run() -> None:
    """A /run of our own, in memory: nothing of ours is left on the machine's."""
    if not inside():
        raise RuntimeError("the lab's world may only be built inside `vipalived.lab.sandbox`")
    if not ROOT.exists():
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        ROOT.mkdir()


def _set_sysctls(namespace: Path, values: Mapping[str, int]) -> None:
    """/proc/sys/net shows the writer's own namespace, so a shell goes there to write."""
    script = "\n".join(
        f"if [ -e {path} ]; then echo {value} > {path}; fi"
        for path, value in ((f"/proc/sys/{name.replace('.', '/')}", value) for name, value in values.items())
    )
    subprocess.run(
        ["nsenter", f"--net={namespace}", "--", "sh", "-ec", script], check=True, capture_output=True
    )
