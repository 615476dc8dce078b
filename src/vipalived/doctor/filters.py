"""Reads the host's packet filters, by whichever of their tools are there, and looks for what drops VRRP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from vipalived.agent.plan import MemberPlan
from vipalived.doctor import iptables, nftables
from vipalived.doctor.finding import Finding, error, ok, skipped, warning
from vipalived.doctor.firewall import Chain, Dropped, Packet, dropped
from vipalived.doctor.scene import Network, Scene
from vipalived.net.view import Interface
from vipalived.vrrp.packet import GROUP_V4, GROUP_V6, PROTOCOL, PROTOCOL_AH, AuthType, IPAddress

_PATIENCE: Final = 10.0
_LEGACY: Final = {4: Path("/proc/net/ip_tables_names"), 6: Path("/proc/net/ip6_tables_names")}


@dataclass(slots=True)
class _Rules:
    """What could be read: the ruleset of nftables, and texts of iptables by family."""

    nft: dict[str, Any] = field(default_factory=dict)
    iptables: dict[int, list[str]] = field(default_factory=lambda: {4: [], 6: []})
    unread: list[str] = field(default_factory=list)

    def bases(self, packet: Packet) -> Iterator[tuple[Chain, dict[str, Chain]]]:
        yield from nftables.bases(self.nft, packet)
        for text in self.iptables[packet.destination.version]:
            yield from iptables.bases(text, packet)


def examine(scene: Scene) -> Finding:
    """The first rule that certainly drops an advertisement, else the first that may."""
    rules = _read({member.family for member in scene.plan.members})
    found = [(packet, drop) for packet in _packets(scene) for drop in _drops(rules, packet)]
    for packet, drop in sorted(found, key=lambda pair: not pair[1].certain):
        return _tells(packet, drop)
    unread = f"not read: {', '.join(rules.unread)}" if rules.unread else ""
    if not (rules.nft or any(rules.iptables.values())) and unread:
        return skipped("firewall", unread)
    return ok("firewall", "; ".join(filter(None, ("no rule drops advertisements", unread))))


def _tells(packet: Packet, drop: Dropped) -> Finding:
    name = "vrrp" if packet.protocol == PROTOCOL else "ah"
    hint = (
        f"let IP protocol {packet.protocol} {'in' if packet.inbound else 'out'} on {packet.interface}: with nft"
        f" `meta l4proto {name} accept`, with iptables `-p {name} -j ACCEPT`, with firewalld"
        f" `--add-protocol={name}`, ahead of it"
    )
    why = "nodes that do not hear the Master become Masters too"
    if drop.certain:
        return error("firewall", f"{drop.where} drops {packet.says}", why, hint)
    return warning(
        "firewall",
        f"{drop.where} may drop {packet.says}: it depends on what cannot be told from here",
        why,
        f"if it does, {hint}",
    )


def _drops(rules: _Rules, packet: Packet) -> Iterator[Dropped]:
    for base, others in rules.bases(packet):
        if (drop := dropped(base, others)) is not None:
            yield drop


def _packets(scene: Scene) -> Iterator[Packet]:
    """What this node must get and send."""
    for member in scene.plan.members:
        own = next((at for at in scene.own(member.family) if at.ip == scene.source(member)), None)
        if own is not None:
            ah = member.auth is not None and member.auth.type is AuthType.AH
            packet = partial(Packet, interface=scene.plan.interface, protocol=PROTOCOL_AH if ah else PROTOCOL)
            for source, to, back in _ways(member, own):
                yield packet(inbound=True, source=source, destination=to)
                yield packet(inbound=False, source=ip_network(own.ip), destination=back)


def _ways(member: MemberPlan, own: Interface) -> Iterator[tuple[Network, IPAddress, IPAddress]]:
    """From where, to which address of ours, and where ours go: the group, or each peer."""
    peers = sorted(member.peers - {own.ip})
    if not member.peers:
        yield own.network, _group(member), _group(member)
    for peer in peers:
        yield ip_network(peer), own.ip, peer


def _group(member: MemberPlan) -> IPAddress:
    return GROUP_V4 if member.family == 4 else GROUP_V6


def _read(families: set[int]) -> _Rules:
    rules = _Rules()
    for family in sorted(families):
        _read_iptables(rules, family)
    text = _run(rules, "nftables", "nft", "-j", "list", "ruleset")
    if text is not None:
        rules.nft = json.loads(text)
        if any(rules.iptables.values()):
            rules.nft["nftables"] = [
                item for item in rules.nft["nftables"] if not nftables.is_of_iptables(item)
            ]
    return rules


def _read_iptables(rules: _Rules, family: int) -> None:
    name = "iptables" if family == 4 else "ip6tables"
    text = _run(rules, name, f"{name}-save")
    if text is not None:
        rules.iptables[family].append(text)
    # The old form of iptables has tables of its own, which only its own tools list.
    if _has_legacy(family) and "nf_tables" in (text or "nf_tables"):
        old = _run(rules, f"{name}-legacy", f"{name}-legacy-save")
        if old is not None:
            rules.iptables[family].append(old)


def _has_legacy(family: int) -> bool:
    try:
        return bool(_LEGACY[family].read_text().strip())
    except OSError:
        return False


def _run(rules: _Rules, what: str, *command: str) -> str | None:
    """What the tool prints; where it does not, why not is noted."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except FileNotFoundError:
        rules.unread.append(f"{what} (`{command[0]}` is not installed here)")
        return None
    except (OSError, subprocess.TimeoutExpired) as reason:
        rules.unread.append(f"{what} ({reason})")
        return None
    if done.returncode:
        reason_given = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        rules.unread.append(f"{what} ({reason_given})")
        return None
    return done.stdout
