"""The rules between values: each said once, for Python and for the chart; see `vipalived.settings.rule`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from vipalived.interfaces import AUTO
from vipalived.settings.addresses import is_network_or_broadcast
from vipalived.settings.agent_rules import AGENT_RULES
from vipalived.settings.model import EXAMPLE_VIP, Authentication
from vipalived.settings.pod_rules import POD_RULES
from vipalived.settings.rule import Rule, error, repeated, warning, when
from vipalived.settings.values import dotted, printable

PASSWORD_CHARACTERS = r"^[A-Za-z0-9@%^&*()_+=:;,./?<>|~\[\]-]{0,8}$"
UNWRITABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
MERGE = "<<"
SHORT = 0.1
"""Seconds. The kernel deals a CPU limit out by 100 ms, so a Master that is held back is late by less than that: less
than one interval from here on, of the three that Backups wait."""

_Offends = Callable[[str | int, object], object]


def _where(value: object, offends: _Offends, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """The paths of the keys and items inside that offend, by themselves or by what they hold."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        if offends(step, inner):
            yield printable(dotted([*path, step]))
        yield from _where(inner, offends, (*path, step))


def _unwritable(*texts: object) -> bool:
    return any(isinstance(text, str) and UNWRITABLE.search(text) for text in texts)


_VIPS = ".virtualIpAddress .virtualIpAddresses"
_USES_AH = '(eq $version 2) (eq $instance.authentication.authType "AH")'
_NODE_ADDRESSES = ".unicastPeers .unicastSourceAddress nodes"

RULES: tuple[Rule, ...] = (
    error(
        ".advertInt",
        "VRRPv2 carries whole seconds only",
        "use a whole number, or `keepalived.vrrpVersion: 3`",
        lambda f: when(f.version == 2 and f.interval % 1, f"{f.interval:g}"),
        "and (eq $version 2) (ne $interval (floor $interval))",
        reads=".advertInt keepalived.vrrpVersion",
    ),
    error(
        ".advertInt",
        "expected 1 to 255 seconds under VRRPv2",
        "the protocol's own field has no more room; `1` is the default",
        lambda f: when(f.version == 2 and not (f.interval % 1 or 1 <= f.interval <= 255), f"{f.interval:g}"),
        "and (eq $version 2) (eq $interval (floor $interval)) (or (lt $interval 1.0) (gt $interval 255.0))",
        reads=".advertInt keepalived.vrrpVersion",
    ),
    error(
        ".advertInt",
        "expected 0.01 to 40.95 seconds under VRRPv3",
        "the protocol's own field has no more room; `1` is the default",
        lambda f: when(f.version == 3 and not 0.01 <= f.interval <= 40.95, f"{f.interval:g}"),
        "and (eq $version 3) (or (lt $interval 0.01) (gt $interval 40.95))",
        reads=".advertInt keepalived.vrrpVersion",
    ),
    error(
        ".advertInt",
        "VRRPv3 carries hundredths of a second, no finer",
        "round it to two decimals",
        lambda f: when(f.version == 3 and f.interval != round(f.interval, 2), repr(f.interval)),
        "and (eq $version 3) (ne $interval (round $interval 2))",
        reads=".advertInt keepalived.vrrpVersion",
    ),
    error(
        ".startDelay",
        "expected 0 to 600 seconds",
        "it is what a switch port needs to pass packets; a spanning tree takes up to 50 s",
        lambda f: when(not 0 <= f.instance.start_delay <= 600, f"{f.instance.start_delay:g}"),
        "or (lt $startDelay 0.0) (gt $startDelay 600.0)",
    ),
    warning(
        ".virtualIpAddress",
        "this is the example's address, and hardly one of your network",
        "set an address that nobody has yet, with the prefix of its subnet",
        lambda f: when(f.instance.virtual_ip_address == EXAMPLE_VIP, EXAMPLE_VIP),
        f'eq $instance.virtualIpAddress "{EXAMPLE_VIP}"',
    ),
    warning(
        ".authentication",
        "VRRPv3 has no authentication, so these values do nothing",
        "remove them, or use `keepalived.vrrpVersion: 2`; a firewall rule for protocol 112 protects either",
        lambda f: when(
            f.version == 3 and f.instance.authentication != Authentication(),
            f"authType {f.instance.authentication.auth_type} with vrrpVersion 3",
        ),
        'and (eq $version 3) (or (ne $instance.authentication.authType "PASS")'
        ' (ne $instance.authentication.authPass "k8s_vip"))',
        reads=".authentication keepalived.vrrpVersion",
    ),
    error(
        ".authentication.authPass",
        "expected up to 8 ASCII letters, digits or `@%^&*()_+=:;,./?<>|~[]-`",
        "keepalived's configuration reads blanks, quotes and `#!${}\\` as its own syntax",
        lambda f: when(
            f.version == 2 and not re.fullmatch(PASSWORD_CHARACTERS, f.password), "another character"
        ),
        f"and (eq $version 2) (not (regexMatch `{PASSWORD_CHARACTERS}` $instance.authentication.authPass))",
        reads=".authentication.authPass keepalived.vrrpVersion",
    ),
    error(
        ".authentication.authPass",
        "AH authentication needs a password",
        "set one, or use `authType: PASS`, under which an empty password means no authentication",
        lambda f: when(f.settings.uses_ah and not f.password, "an empty text"),
        f"and {_USES_AH} (not $instance.authentication.authPass)",
        reads=".authentication keepalived.vrrpVersion",
    ),
    error(
        ".virtualIpAddress",
        "VRRPv2 has no IPv6",
        "use `keepalived.vrrpVersion: 3`, or IPv4 addresses only",
        lambda f: [str(vip) for vip in f.vips if f.version == 2 and vip.version == 6],
        'and (eq $version 2) (has "6" $facts.families)',
        reads=f"{_VIPS} keepalived.vrrpVersion",
    ),
    error(
        ".virtualIpAddress",
        "this is the network's or the broadcast address of its subnet",
        "use an address of a host, or the prefix `/32`",
        lambda f: [str(vip) for vip in f.vips if is_network_or_broadcast(vip)],
        "$facts.networkOrBroadcast",
        reads=_VIPS,
    ),
    error(
        ".virtualIpAddresses",
        "an advertisement holds 255 addresses of a family, and an IPv6 one begins with a link-local address",
        "split them over several releases, each with a `virtualRouterId` of its own",
        lambda f: [f"{size} of IPv{family}" for family, size in f.sizes.items() if size > 255],
        "or (gt (int $facts.sizes.four) 255) (gt (int $facts.sizes.six) 255)",
        reads=_VIPS,
    ),
    error(
        ".virtualIpAddresses",
        "an address is listed twice",
        "list each address once; `virtualIpAddress` counts too",
        lambda f: repeated([vip.ip for vip in f.vips]),
        "ne (len $facts.addresses) (len (uniq $facts.addresses))",
        reads=_VIPS,
    ),
    warning(
        ".state",
        "keepalived cannot start as MASTER with AH authentication unless the priority is 255",
        "BACKUP is rendered; remove `state: MASTER`",
        lambda f: f.masters if f.settings.uses_ah else [],
        f"and {_USES_AH} $facts.masterNotOwner",
        reads=".state .priority .authentication keepalived.vrrpVersion nodes",
    ),
    warning(
        ".authentication.authType",
        "under AH keepalived nodes of one priority that claim together stay Masters together for seconds",
        "give each node a `priority` of its own in `nodes`, use `authType: PASS`, or `engine: native`",
        lambda f: when(f.settings.uses_ah and not f.runs_agent and f.share_a_priority, "AH"),
        f"and {_USES_AH} (not $runsAgent) $facts.shareAPriority",
        reads=".authentication .priority keepalived.vrrpVersion nodes engine",
    ),
    warning(
        ".nopreempt",
        "nopreempt does nothing with `state: MASTER`",
        "use `state: BACKUP`, or `nopreempt: false`",
        lambda f: f.masters if f.instance.nopreempt else [],
        "and $instance.nopreempt $facts.masterNotOwner",
        reads=".state .priority .nopreempt nodes",
    ),
    warning(
        ".nopreempt",
        "nopreempt does nothing with priority 255, which always preempts",
        "use a priority below 255, or `nopreempt: false`",
        lambda f: when(f.instance.nopreempt and 255 in f.priorities, "priority 255 with nopreempt"),
        'and $instance.nopreempt (has "255" $facts.priorities)',
        reads=".priority .nopreempt nodes",
    ),
    warning(
        ".preemptDelay",
        "preemptDelay does nothing with nopreempt, under which no better node takes the VIP",
        "set `nopreempt: false`, or remove it",
        lambda f: when(
            f.instance.nopreempt and f.instance.preempt_delay > 0,
            f"{f.instance.preempt_delay} s with nopreempt",
        ),
        "and $instance.nopreempt (int $instance.preemptDelay)",
        reads=".preemptDelay .nopreempt",
    ),
    warning(
        ".preemptDelay",
        "preemptDelay does nothing on a node with `state: MASTER` or priority 255, which takes the VIP at once",
        "use `state: BACKUP` and a priority below 255, or remove it",
        lambda f: when(
            not f.instance.nopreempt and f.instance.preempt_delay > 0 and (f.masters or 255 in f.priorities),
            f"{f.instance.preempt_delay} s",
        ),
        "and (not $instance.nopreempt) (int $instance.preemptDelay)"
        ' (or $facts.masterNotOwner (has "255" $facts.priorities))',
        reads=".preemptDelay .nopreempt .state .priority nodes",
    ),
    warning(
        ".priority",
        "only one node can be the address owner (priority 255); several fight for the VIP",
        "set it for one node: `nodes: {NODE: {priority: 255}}`",
        lambda f: when(
            f.overridden_priorities.count(255) > 1
            or (f.instance.priority == 255 and not f.overridden_priorities),
            "255 on more than one node",
        ),
        "$facts.severalOwners",
        reads=".priority nodes",
    ),
    error(
        "hostNetwork",
        "the VIP would live and die in the pod's own network",
        "remove it: `true` is the default",
        lambda f: when(not f.settings.host_network, "false"),
        "not $values.hostNetwork",
    ),
    error(
        ".interface",
        "the loopback has no neighbours to be told of a VIP",
        "name the interface that the nodes share; `auto` finds it",
        lambda f: when("lo" in f.interfaces, "lo"),
        'has "lo" $facts.interfaces',
        reads=".interface nodes",
    ),
    error(
        ".trackInterface",
        "an interface is listed twice",
        "list each interface once",
        lambda f: repeated([*f.instance.track_interface]),
        "ne (len $tracked) (len (uniq $tracked))",
    ),
    error(
        ".trackInterface",
        "`auto` is not the name of an interface here",
        "name those to be tracked; the interface that carries VRRP is tracked anyway",
        lambda f: when(AUTO in f.instance.track_interface, AUTO),
        'has "auto" $tracked',
    ),
    warning(
        ".trackInterface",
        "the interface that carries VRRP is tracked anyway, and not rendered again",
        "list further interfaces only",
        lambda f: [name for name in f.instance.track_interface if name in f.interfaces],
        "$facts.tracksOwnInterface",
        reads=".trackInterface .interface nodes",
    ),
    error(
        ".unicastPeers",
        "an address is listed twice",
        "list each node's address once",
        lambda f: repeated([*f.peers]),
        "ne (len $facts.peers) (len (uniq $facts.peers))",
    ),
    error(
        ".unicastPeers",
        "expected peers of each address family that has a VIP",
        "add the nodes' addresses of that family",
        lambda f: [
            f"no IPv{family} address"
            for family in f.families
            if f.peers and all(peer.version != family for peer in f.peers)
        ],
        "and $facts.peers $facts.familyWithoutPeers",
        reads=f".unicastPeers {_VIPS}",
    ),
    error(
        ".unicastPeers",
        "a peer or source address has an address family without a VIP",
        "remove it, or add a VIP of that family to `virtualIpAddresses`",
        lambda f: [str(address) for address in f.node_addresses if address.version not in f.families],
        "$facts.strayFamily",
        reads=f"{_NODE_ADDRESSES} {_VIPS}",
    ),
    error(
        ".unicastPeers",
        "a VIP is given as the address of a node",
        "use the nodes' own addresses: the VIP moves",
        lambda f: [str(address) for address in f.node_addresses if address in {vip.ip for vip in f.vips}],
        "$facts.vipAsNodeAddress",
        reads=f"{_NODE_ADDRESSES} {_VIPS}",
    ),
    error(
        ".unicastPeers",
        "the only peer of an address family is the node itself",
        "list the addresses of the other nodes too",
        lambda f: [
            str(peer)
            for peer in f.peers
            if peer in f.node_sources and [other.version for other in f.peers].count(peer.version) == 1
        ],
        "$facts.lonePeer",
        reads=".unicastPeers nodes",
    ),
    warning(
        ".unicastSourceAddress",
        "a source address without `unicastPeers` does nothing: advertisements are multicast",
        "remove it, or list `unicastPeers`",
        lambda f: [] if f.peers else map(str, f.sources[:1]),
        "and $facts.sources (not $facts.peers)",
        reads=_NODE_ADDRESSES,
    ),
    error(
        ".unicastPeers",
        "a node's own address is not among the peers, which would not listen to it",
        "list the addresses of all nodes: each one skips its own",
        lambda f: [str(source) for source in f.node_sources if f.peers and source not in f.peers],
        "and $facts.peers $facts.unlistedSource",
        reads=".unicastPeers nodes",
    ),
    error(
        ".unicastSourceAddress",
        "one source address for all nodes",
        "say whose it is: `nodes: {NODE: {unicastSourceAddress: ADDRESS}}`, or remove it: a node finds its own among"
        " `unicastPeers`; for a static pod of one node alone set `static: true`",
        lambda f: map(str, f.common_sources) if f.peers and not f.settings.static else [],
        "and $facts.peers (not $values.static) $instance.unicastSourceAddress",
        reads=".unicastSourceAddress .unicastPeers static",
    ),
    error(
        ".unicastSourceAddress",
        "expected one address for each family",
        "a node speaks from one address of its own",
        lambda f: [
            " and ".join(map(str, one))
            for one in f.source_lists
            if len({source.version for source in one}) < len(one)
        ],
        "$facts.sourcesOfOneFamily",
        reads=".unicastSourceAddress nodes",
    ),
    error(
        "nodes",
        "two nodes have the same `unicastSourceAddress`",
        "give each node its own address",
        lambda f: repeated([*f.node_sources]),
        "ne (len $facts.nodeSources) (len (uniq $facts.nodeSources))",
    ),
    warning(
        "keepalived.garp",
        "keepalived sends at least one gratuitous ARP, so a repeat of 0 is rendered as 1",
        "use 1 or more",
        lambda f: when(not (f.garp.master_repeat and f.garp.master_refresh_repeat), "0"),
        "not (and $values.keepalived.garp.masterRepeat $values.keepalived.garp.masterRefreshRepeat)",
    ),
    warning(
        "resources",
        "a CPU limit and `advertInt` below 0.1 s do not go together",
        "remove `limits.cpu`, or use an interval of 0.1 s or more: a container that has used its share up stands still"
        " for the rest of 100 ms, in which three advertisements may be due",
        lambda f: when(f.cpu_limit and f.interval < SHORT, f"{f.cpu_limit} and {f.interval:g}"),
        f"and $facts.cpuLimited (lt $interval {SHORT})",
        reads="resources .advertInt",
    ),
    error(
        "",
        "expected text without control characters and line separators that YAML cannot carry",
        "Helm would leave out or misread what stands beside it",
        # What all charts share is none of ours, and not rendered.
        lambda f: _where(f.values | {"global": {}}, _unwritable),
        # JSON escapes the line separators; a text that looks like the escape has two backslashes there.
        r"regexMatch `[\x{7f}-\x{9f}\x{feff}\x{fffe}\x{ffff}]|[^\\](?:\\\\)*\\u202[89]`"
        r' (omit $values "global" | toJson)',
    ),
    error(
        "",
        f"a key `{MERGE}` is a merge to YAML and cannot be rendered as a key",
        f"remove it; an anchor is merged by `{MERGE}: *ANCHOR`, without quotes and above the other keys",
        # Helm 3 reads even what is not rendered.
        lambda f: _where(f.values, lambda key, _: key == MERGE),
        # Go's JSON has `<` as an escape; inside a text the quotes would have backslashes.
        r'regexMatch `[{,]"\\u003c\\u003c":` ($values | toJson)',
    ),
    *POD_RULES,
    *AGENT_RULES,
)
