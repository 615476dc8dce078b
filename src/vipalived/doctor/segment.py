"""What was heard on the segment: who holds the VIP, whether peers are heard, and who else has our VRID."""

from __future__ import annotations

from collections.abc import Iterator

from vipalived.doctor.ear import Heard, Speaker
from vipalived.doctor.finding import Finding, Severity, error, ok, skipped, warning
from vipalived.doctor.scene import Scene
from vipalived.vrrp.frames import virtual_mac
from vipalived.vrrp.packet import Discard, IPAddress

_REASONS = {
    Discard.AUTH_TYPE: "its authentication is of another kind",
    Discard.CHECKSUM: "its checksum is wrong",
    Discard.DESTINATION: "it is multicast where we are unicast, or the other way round",
    Discard.ICV: "its password is another one",
    Discard.INTERVAL: "its interval is another one, which VRRPv2 does not allow",
    Discard.PASSWORD: "its password is another one",
    Discard.PEER: "it is not among `unicastPeers`",
    Discard.TTL: "it was routed: its TTL is not 255",
    Discard.VERSION: "it speaks another version of VRRP",
}
_SAME_VALUES = "give all nodes the same values; `vipalived observe` shows what each one sends"


def examine(scene: Scene, heard: Heard, *, runs: bool) -> Iterator[Finding]:
    """`runs`: whether a daemon of this virtual router runs on this node."""
    ours = [one for one in heard.speakers.values() if set(one.addresses) & scene.plan.vips]
    yield _vrid(scene, heard, [one for one in heard.speakers.values() if one not in ours])
    yield _peers(scene, heard, ours, runs=runs)
    found = [_holder(scene, heard, vip.ip, ours, runs=runs) for vip in scene.vips]
    order = (Severity.ERROR, Severity.WARNING, Severity.SKIPPED, Severity.OK)
    # One fault shows at all VIPs; a VIP that differs from the others is the one to tell of.
    yield min(found, key=lambda one: order.index(one.severity))


def mac_text(mac: bytes) -> str:
    """As the field writes it."""
    return mac.hex(":")


def _vrid(scene: Scene, heard: Heard, foreign: list[Speaker]) -> Finding:
    vrid = scene.plan.vrid
    if not foreign:
        return ok("vrid", f"nobody else advertised virtual router {vrid} in {heard.seconds:g} s")
    one = foreign[0]
    vips = ", ".join(map(str, one.addresses)) or "no address"
    return error(
        "vrid",
        f"{one.source} ({mac_text(one.mac)}) advertises virtual router {vrid} for {vips}",
        "two virtual routers of one VRID on a segment are taken for one: both fail, or take turns",
        "set `keepalived.vrrpInstance.virtualRouterId` to a number that `vipalived observe` does not show",
    )


def _peers(scene: Scene, heard: Heard, ours: list[Speaker], *, runs: bool) -> Finding:
    for one in ours:
        if (found := _unheard(scene, one)) is not None:
            return found
    if (found := _unicast(scene, heard)) is not None:
        return found
    if ours:
        return ok("peers", f"heard {', '.join(f'{one.source} with priority {one.priority}' for one in ours)}")
    if any(scene.holds(vip) for vip in scene.plan.vips):
        return skipped(
            "peers", "this node has the VIP, and Backups are silent: run it on another node as well"
        )
    if runs:
        return error(
            "peers",
            f"no advertisement in {heard.seconds:g} s, and this node has not the VIP either",
            "a Backup that hears no Master becomes Master itself, so the daemon here is held back or cannot",
            "`vipalived status`, or the log of keepalived",
        )
    return skipped(
        "peers", f"nobody advertised in {heard.seconds:g} s: run it again when vipalived runs on the nodes"
    )


def _unicast(scene: Scene, heard: Heard) -> Finding | None:
    """One peer that is down is what VRRP is for; without any, this node is alone."""
    peers = _on_the_link(scene)
    missing = [peer for peer in peers if not heard.claimants(peer)]
    if not missing:
        return None
    return (error if missing == peers else warning)(
        "peers",
        f"no answer from {', '.join(map(str, missing))} on {scene.plan.interface}",
        "an advertisement sent there is lost",
        "is the node up, and is that its address? Else correct `keepalived.vrrpInstance.unicastPeers`",
    )


def _on_the_link(scene: Scene) -> list[IPAddress]:
    """The unicast peers that ARP can ask for: not this node, and not behind a router."""
    own = {at.ip for family in (4, 6) for at in scene.own(family)}
    peers = [peer for member in scene.plan.members for peer in sorted(member.peers) if peer not in own]
    return [peer for peer in peers if any(peer in at.network for at in scene.own(peer.version))]


def _unheard(scene: Scene, one: Speaker) -> Finding | None:
    who = f"{one.source} ({mac_text(one.mac)})"
    if one.refused is not None:
        reason = _REASONS.get(one.refused, f"it is malformed ({one.refused})")
        why = "the nodes do not hear each other, and each becomes Master"
        return error("peers", f"what {who} advertises is refused: {reason}", why, _SAME_VALUES)
    if not one.arrived:
        return error(
            "peers",
            f"advertisements of {who} reach {scene.plan.interface}, but not the sockets of this host",
            "its firewall or rp_filter drops them, so this node becomes a second Master",
            "let IP protocol 112 in: see `firewall` and `rp_filter`",
        )
    if set(one.addresses) != {vip for vip in scene.plan.vips if vip.version == one.source.version}:
        return warning(
            "peers",
            f"{who} advertises {', '.join(map(str, one.addresses))}, which are not all VIPs or not only those of here",
            "keepalived before 2.3.3 drops what lists other addresses, and becomes a second Master",
            _SAME_VALUES,
        )
    return None


def _holder(scene: Scene, heard: Heard, vip: IPAddress, ours: list[Speaker], *, runs: bool) -> Finding:
    others = heard.claimants(vip)
    virtual = virtual_mac(scene.plan.vrid, vip)
    known = {one.mac for one in ours} | ({virtual} if ours else set())
    who = ", ".join(sorted(map(mac_text, others)))
    if scene.holds(vip) and others:
        return error(
            "holder",
            f"this node has {vip}, and {who} answers for it, too",
            "clients reach the one or the other, as their ARP caches have it",
            "find the host of that MAC address: an old pod, a node that hears nothing of this one, a stranger",
        )
    if others - known:
        return error(
            "holder",
            f"{who} answers for {vip}, and advertised nothing in {heard.seconds:g} s",
            "either a stranger has the VIP, or it is a node of ours that is not heard here",
            "a stranger: take the address from it, or choose another VIP. A node of ours: the network between drops "
            "IP protocol 112 or multicast; try `keepalived.vrrpInstance.unicastPeers`",
        )
    if scene.holds(vip) and not runs:
        return warning(
            "holder",
            f"this node has {vip}, but no daemon that looks after it can be seen from here",
            "when a daemon was killed, it leaves the VIP behind, and another node takes it as well",
            f"see whether one runs on this node; if not: `ip address del {vip}/PREFIX dev {scene.plan.interface}`",
        )
    if scene.holds(vip):
        return ok("holder", f"this node has {vip}, and nobody else answers for it")
    if others:
        return ok("holder", f"{who} has {vip}, and advertises it")
    return _nobody(vip, ours, runs=runs)


def _nobody(vip: IPAddress, ours: list[Speaker], *, runs: bool) -> Finding:
    if ours:
        return error(
            "holder",
            f"{ours[0].source} advertises {vip}, but nobody answers for it",
            "the Master has not the address: clients are lost",
            "look at that node: NET_ADMIN may be missing, or arp_ignore may forbid the answer",
        )
    if runs:
        return error(
            "holder",
            f"nobody has {vip}",
            "clients are lost",
            "see `peers`, and `vipalived status` on each node",
        )
    return skipped("holder", f"nobody has {vip}, and no daemon runs here that could")
