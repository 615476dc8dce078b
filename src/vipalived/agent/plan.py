"""What the engine needs of the settings, as plain values: they cross a process boundary, settings do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from vipalived.health.judge import HealthCheck
from vipalived.interfaces import AUTO
from vipalived.net.view import Interface
from vipalived.vrrp.model import CLAIM_WINDOW, Config, Garp
from vipalived.vrrp.packet import Auth, AuthType, IPAddress, Policy
from vipalived.vrrp.timers import Version

if TYPE_CHECKING:
    from vipalived.settings import Settings, VirtualRouter
    from vipalived.settings import model as settings_model


class Departures(Struct, frozen=True, kw_only=True):
    """The `native` values: which departures from the letter of the RFC are on."""

    hitless_resignation: bool = True
    prompt_succession: bool = True
    claim_before_own: bool = True
    parting_advert: bool = True
    paced_garp: bool = True
    last_resort: bool = True
    kernel_lease: bool = True
    incumbent_stays: bool = True
    checksum_pseudo_header: bool = True


class MemberPlan(Struct, frozen=True, kw_only=True):
    """One virtual router and address family. `source` is None for the interface's primary address."""

    family: int
    vrid: int
    version: Version
    priority: int
    interval: float
    preempt: bool
    addresses: tuple[Interface, ...]
    garp: Garp
    departures: Departures = Departures()
    ask_first: bool = True
    preempt_delay: float = 0.0
    start_delay: float = 0.0
    auth: Auth | None = None
    peers: frozenset[IPAddress] = frozenset()
    source: IPAddress | None = None

    @property
    def vips(self) -> tuple[IPAddress, ...]:
        """The addresses without their prefixes, in the order of the advertisement."""
        return tuple(address.ip for address in self.addresses)

    def config(self, source: IPAddress) -> Config:
        """For the state machine."""
        return Config(
            vrid=self.vrid,
            priority=self.priority,
            source=source,
            addresses=self.vips,
            version=self.version,
            interval=self.interval,
            preempt=self.preempt,
            preempt_delay=self.preempt_delay,
            garp=self.garp if self.departures.paced_garp else replace(self.garp, spread=0.0),
            hitless=self.departures.hitless_resignation,
            prompt_succession=self.departures.prompt_succession,
            claim_window=CLAIM_WINDOW if self.departures.claim_before_own else 0.0,
            parting_advert=self.departures.parting_advert,
            last_resort=self.departures.last_resort,
            kernel_lease=self.departures.kernel_lease,
            ask_first=self.ask_first,
            incumbent_stays=self.departures.incumbent_stays,
            start_delay=self.start_delay,
        )

    def policy(self, source: IPAddress) -> Policy:
        """For the receive checks."""
        return Policy(
            version=self.version,
            vrid=self.vrid,
            source=source,
            interval=self.interval,
            auth=self.auth,
            peers=self.peers - {source},
        )


class Plan(Struct, frozen=True):
    """A node's virtual router on an interface; `tracked` are further interfaces that must be up.

    `unnamed`: there are values for single nodes, and none for this one.
    `endpoint` is the address and port of the HTTP endpoint; None where there is none, as for `health`.
    Where the values say `auto`, that is the interface's name until `on`
    has put one in its place; `chosen` is why it is that one. `warnings` are what the operator should know of the
    values.
    """

    interface: str
    tracked: tuple[str, ...]
    members: tuple[MemberPlan, ...]
    node: str = ""
    unnamed: bool = False
    health: HealthCheck | None = None
    endpoint: tuple[str, int] | None = None
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    automatic: bool = False
    chosen: str = ""
    warnings: tuple[str, ...] = ()

    def on(self, interface: str, why: str) -> Plan:
        """The same on this interface, in place of `auto`."""
        return replace(
            self,
            interface=interface,
            chosen=why,
            tracked=tuple(name for name in self.tracked if name != interface),
        )

    @property
    def vrid(self) -> int:
        """The same for all members."""
        return self.members[0].vrid

    @property
    def vips(self) -> frozenset[IPAddress]:
        """Every VIP of every member."""
        return frozenset(vip for member in self.members for vip in member.vips)

    def succeeds(self, other: Plan) -> bool:
        """Whether a running engine can change from `other` to this without giving anything away."""
        return self._identity() == other._identity()

    @property
    def role(self) -> str:
        """What two instances on one node must agree in, for the second to go on where the first leaves off.

        Never so with AH, whose sequence would begin anew.
        """
        succession = all(_kind(member.auth) is not AuthType.AH for member in self.members)
        addresses = [sorted(map(str, member.addresses)) for member in self.members]
        return repr((self._identity(), addresses)) if succession else ""

    def _identity(self) -> object:
        return (
            self.interface,
            [
                (member.family, member.vrid, member.version, _kind(member.auth), bool(member.peers))
                for member in self.members
            ],
        )


def _kind(auth: Auth | None) -> AuthType | None:
    return auth.type if auth is not None else None


def plan(settings: Settings, node: str, warnings: tuple[str, ...] = ()) -> Plan:
    """What the node of this host name runs; the values may have given rise to warnings."""
    node = settings.node_name(node)
    own, instance = settings.node(node), settings.keepalived.vrrp_instance
    tracked = dict.fromkeys(name for name in instance.track_interface if name != own.interface)
    members = tuple(_member(settings, node, router) for router in settings.virtual_routers())
    endpoint, agent = settings.agent.endpoint, settings.agent
    return Plan(
        interface=own.interface,
        tracked=tuple(tracked),
        members=members,
        node=node,
        unnamed=bool(settings.nodes) and node not in settings.nodes,
        health=_health(settings.health_check),
        endpoint=(endpoint.address, endpoint.port) if endpoint.port else None,
        log_format=agent.log_format,
        log_level=agent.log_level,
        automatic=own.interface == AUTO,
        warnings=warnings,
    )


def _health(check: settings_model.HealthCheck) -> HealthCheck | None:
    if check.enabled is False:
        return None
    return HealthCheck(
        url=check.url,
        interval=float(check.interval),
        timeout=float(check.timeout),
        fall=check.fall,
        rise=check.rise,
        ca_file=check.ca_file or None,
        client_cert_file=check.client_cert_file or None,
        client_key_file=check.client_key_file or None,
        token_file=check.token_file or None,
    )


def _member(settings: Settings, node: str, router: VirtualRouter) -> MemberPlan:
    from vipalived.settings.addresses import parse_address

    own, instance, garp = settings.node(node), settings.keepalived.vrrp_instance, settings.keepalived.garp
    version, authentication = settings.keepalived.vrrp_version, instance.authentication
    peers = frozenset(map(parse_address, instance.unicast_peers))
    source = own.source(router.family)
    auth = Auth(AuthType(authentication.auth_type), authentication.auth_pass.encode())
    return MemberPlan(
        family=router.family,
        vrid=settings.vrid,
        version=version,
        priority=own.priority,
        interval=float(instance.advert_int),
        preempt=not own.nopreempt,
        preempt_delay=float(own.preempt_delay),
        addresses=router.addresses,
        garp=Garp(
            repeat=garp.master_repeat,
            delay=float(garp.master_delay),
            refresh=float(garp.master_refresh),
            refresh_repeat=garp.master_refresh_repeat,
        ),
        departures=Departures(**settings.native.model_dump()),
        ask_first=settings.agent.ask_first,
        start_delay=float(instance.start_delay),
        auth=auth if version == 2 and auth.password else None,
        peers=frozenset(peer for peer in peers if peer.version == router.family),
        source=parse_address(source) if source else None,
    )
