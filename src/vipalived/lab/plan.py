"""Who is in the lab and which addresses they have, worked out from the values before anything is built.

Pure. The user's own VIPs, peers and source addresses are used as they are: the world is private.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from itertools import chain, count, islice

from vipalived.interfaces import AUTO
from vipalived.lab.bounds import Timing
from vipalived.settings import Settings

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network

BASE_LAYER = {"keepalived": {"vrrpInstance": {"virtualIpAddress": "198.18.0.100/24"}}}
"""Below the user's values: the contract's default VIP is an address of somebody's real network."""

DEFAULT_NODES = 3
CLIENT = "client"
_INTERFACE = "eth0"
_DEFAULT_NETWORKS: Mapping[int, Network] = {4: ip_network("198.18.0.0/24"), 6: ip_network("2001:db8::/64")}
_WIDEST_SUBNET: Mapping[int, int] = {4: 24, 6: 64}
_CLIENT_OFFSET = 250


@dataclass(frozen=True, slots=True)
class Host:
    """A node or the client: its link to the bridge and that link's addresses."""

    name: str
    link: str
    mac: str
    addresses: tuple[Interface, ...]
    further_links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole cast. `vip` is the address that the client asks; `routes` are on-link for the client."""

    nodes: tuple[Host, ...]
    client: Host
    vip: Address
    vips: tuple[Interface, ...]
    routes: tuple[Network, ...]


def node_names(settings: Settings, number: int | None) -> tuple[str, ...]:
    """The nodes that the values name, then node-1, node-2 ...; unless told, three or all that are named."""
    named = list(settings.nodes)
    unnamed = (name for name in (f"node-{index}" for index in count(1)) if name not in settings.nodes)
    return tuple(islice(chain(named, unnamed), number or max(DEFAULT_NODES, len(named))))


def with_interfaces(settings: Settings) -> Settings:
    """The settings with a name in place of `auto`: the lab's nodes have one interface beside those that are tracked."""
    instance = settings.keepalived.vrrp_instance

    def named(interface: str | None) -> str | None:
        return _INTERFACE if interface == AUTO else interface

    instance = instance.model_copy(update={"interface": named(instance.interface)})
    nodes = {
        name: override.model_copy(update={"interface": named(override.interface)})
        for name, override in settings.nodes.items()
    }
    keepalived = settings.keepalived.model_copy(update={"vrrp_instance": instance})
    return settings.model_copy(update={"keepalived": keepalived, "nodes": nodes})


def timing(settings: Settings, names: Sequence[str]) -> Timing:
    """What the bounds need to know about the nodes of these names."""
    nodes = [settings.node(name) for name in names]
    return Timing(
        version=settings.keepalived.vrrp_version,
        advertisement_interval=float(settings.keepalived.vrrp_instance.advert_int),
        priorities=tuple(node.priority for node in nodes),
        nopreempt=all(node.nopreempt for node in nodes) or len({node.priority for node in nodes}) == 1,
        garp_delay=float(settings.keepalived.garp.master_delay),
        check_interval=float(settings.health_check.interval),
        check_timeout=float(settings.health_check.timeout),
        check_fall=settings.health_check.fall,
        start_delay=float(settings.keepalived.vrrp_instance.start_delay),
    )


def plan(settings: Settings, number: int | None = None) -> Plan:
    """Names, links and addresses of every node and of the client."""
    names = node_names(settings, number)
    vips = tuple(vip for router in settings.virtual_routers() for vip in router.addresses)
    given = {name: tuple(_given(settings, name, index)) for index, name in enumerate(names)}
    taken = {vip.ip for vip in vips} | set(chain.from_iterable(given.values()))
    taken |= set(map(ip_address, settings.keepalived.vrrp_instance.unicast_peers))
    families = sorted({vip.version for vip in vips})
    networks = [_network(family, vips, taken - {vip.ip for vip in vips}, len(names)) for family in families]
    addresses: dict[str, list[Interface]] = {name: [] for name in (*names, CLIENT)}
    for network in networks:
        for name, address in _assign(network, names, given, taken):
            addresses[name].append(ip_interface(f"{address}/{network.prefixlen}"))
    return Plan(
        nodes=tuple(
            _host(settings, name, index, tuple(addresses[name])) for index, name in enumerate(names, start=1)
        ),
        client=Host(CLIENT, _INTERFACE, "02:00:00:00:ff:fa", tuple(addresses[CLIENT])),
        vip=next(vip.ip for vip in vips if not vip.is_link_local),
        vips=vips,
        routes=tuple(_routes(vips, networks)),
    )


def _host(settings: Settings, name: str, index: int, addresses: tuple[Interface, ...]) -> Host:
    link = settings.node(name).interface
    tracked = settings.keepalived.vrrp_instance.track_interface
    mac = f"02:00:00:00:{index >> 8:02x}:{index & 255:02x}"
    return Host(name, link, mac, addresses, tuple(track for track in dict.fromkeys(tracked) if track != link))


def _given(settings: Settings, name: str, index: int) -> Iterator[Address]:
    """The address that the values give a node: its own source address, else the peer in its place."""
    if own := _sources(settings, name):
        yield from own
        return
    spoken_for = {source for other in settings.nodes for source in _sources(settings, other)}
    peers = [ip_address(peer) for peer in settings.keepalived.vrrp_instance.unicast_peers]
    free = [peer for peer in peers if peer not in spoken_for]
    unplaced = index - sum(1 for other in list(settings.nodes)[:index] if _sources(settings, other))
    for family in (4, 6):
        yield from [peer for peer in free if peer.version == family][unplaced : unplaced + 1]


def _sources(settings: Settings, name: str) -> list[Address]:
    return [ip_address(text) for text in settings.node(name).sources if name in settings.nodes]


def _network(family: int, vips: Sequence[Interface], given: Iterable[Address], nodes: int) -> Network:
    """The nodes' subnet: a VIP's own where it has room for them, else one that holds the given addresses."""
    wanted = [address for address in given if address.version == family]
    needed = nodes + len(vips) + len(wanted) + 3  # the client, and the first and the last address of a subnet
    own = (vip.network for vip in vips if vip.version == family and not vip.is_link_local)
    for network in own:
        if network.num_addresses >= needed and all(address in network for address in wanted):
            return network
    if not wanted:
        return _DEFAULT_NETWORKS[family]
    network = ip_network(f"{wanted[0]}/{_WIDEST_SUBNET[family]}", strict=False)
    while not all(address in network for address in wanted):
        network = network.supernet()
    return network


def _assign(
    network: Network, names: Sequence[str], given: Mapping[str, Sequence[Address]], taken: set[Address]
) -> Iterator[tuple[str, Address]]:
    """One address of the subnet for every node and the client; nobody gets one that is taken."""
    fixed = {name: address for name in names for address in given[name] if address in network}
    free = (address for address in network.hosts() if address not in taken)
    for name in names:
        yield name, fixed.get(name) or next(free)
    if network.num_addresses > _CLIENT_OFFSET + 1 and len(names) < _CLIENT_OFFSET - 1:
        high = network.network_address + _CLIENT_OFFSET
        yield CLIENT, high if high not in taken else next(free)
    else:
        yield CLIENT, next(free)


def _routes(vips: Iterable[Interface], networks: Sequence[Network]) -> Iterator[Network]:
    """A host route for each VIP that lies outside the nodes' subnets."""
    for vip in vips:
        if not vip.is_link_local and not any(vip.ip in network for network in networks):
            yield ip_network(f"{vip.ip}/{vip.max_prefixlen}")
