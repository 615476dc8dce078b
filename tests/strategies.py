"""Values files to test with: valid ones that use every key, and ways to break them.

What comes out is a layer as a values file says it, not a model: defaults are left out at random, numbers come
as JSON has them, and addresses in all their spellings.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel

from vipalived.settings import Settings, objects
from vipalived.settings.addresses import parse_vip
from vipalived.settings.rights import excesses, rights
from vipalived.settings.values import merge

Layer = dict[str, Any]

INTERFACES = ("eth0", "ens3", "bond0.10", "en-p1_s2", "_0", "a23456789012345")
"""Interfaces that the tests' own network namespace has."""

DEFAULT_PASSWORD_CHARACTERS = string.ascii_letters + string.digits + "@%^&*()_+=:;,./?<>|~[]-"

# Text as hostile as a values file can hold it: all but half a surrogate pair and what YAML cannot carry.
_UNWRITABLE = [*map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff"]
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=_UNWRITABLE), max_size=12)
# As a key it is a merge to Helm.
_keys = text.filter(lambda key: key != "<<")

json_objects = st.dictionaries(
    _keys,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_LOWER = string.ascii_lowercase + string.digits


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The concatenation of what `parts` give."""
    return st.tuples(*parts).map("".join)


def word(ends: str, middle: str, most: int) -> st.SearchStrategy[str]:
    """A word of 1 to `most` characters, which begins and ends with one of `ends`."""
    end = st.sampled_from(ends)
    return end | joined(end, st.text(ends + middle, max_size=most - 2), end)


labels = word(_LOWER, "-", 63)
subdomains = st.lists(word(_LOWER, "-", 12), min_size=1, max_size=4).map(".".join)
node_names = st.sampled_from(["cp-1", "cp-2.example.org", "3", "0x1f", "null", "a" * 63]) | subdomains
names = word(string.ascii_letters + string.digits, "-_.", 63)
label_keys = names | joined(subdomains, st.just("/"), names)
label_values = st.just("") | st.sampled_from(["true", "1", "null", "1e3", "0x1F", "y"]) | names
label_maps = st.dictionaries(label_keys, label_values, max_size=3)
words = joined(
    st.sampled_from(string.ascii_letters + string.digits + "_"),
    st.text(string.ascii_letters + string.digits + "_.:-", max_size=63),
)
interface_names = st.sampled_from(INTERFACES) | joined(
    st.sampled_from(string.ascii_letters + string.digits + "_"),
    st.text(string.ascii_letters + string.digits + "_.-", max_size=14),
)
interface_names_or_auto = interface_names | st.just("auto")
passwords = st.text(DEFAULT_PASSWORD_CHARACTERS, min_size=1, max_size=8)

ipv4_addresses = (
    st.integers(int(IPv4Address("1.0.0.0")), int(IPv4Address("223.255.255.255")))
    .map(IPv4Address)
    .filter(lambda address: not address.is_loopback)
)
# The first group is neither 0 nor ff00 to ffff.
ipv6_addresses = st.builds(
    lambda first, rest: IPv6Address(first << 112 | rest),
    st.integers(0x0001, 0xFEFF),
    st.integers(0, 2**112 - 1) | st.integers(0, 2**16) | st.integers(0, 2**16).map(lambda n: n << 64),
)


def spellings(address: IPv4Address | IPv6Address) -> st.SearchStrategy[str]:
    """An address in one of the ways to write it."""
    shown = [str(address), address.exploded, str(address).upper()]
    return st.sampled_from(shown if address.version == 6 else shown[:1])


def prefixes(address: IPv4Address | IPv6Address) -> st.SearchStrategy[int]:
    """A prefix under which the address is a host's."""
    if address.version == 6:
        return st.integers(0, 128)

    def is_host(prefix: int) -> bool:
        network = IPv4Network((int(address), prefix), strict=False)
        return prefix > 30 or address not in (network[0], network[-1])

    return st.integers(1, 32).filter(is_host)


@st.composite
def vips(draw: st.DrawFn, address: IPv4Address | IPv6Address) -> str:
    """A VIP with its prefix."""
    return f"{draw(spellings(address))}/{draw(prefixes(address))}"


def numbers(least: int, most: int) -> st.SearchStrategy[int | float]:
    """Whole numbers, some of them written with a decimal point: JSON has one type for both."""
    whole = st.integers(least, most) | st.sampled_from([least, most])
    return whole | whole.map(float)


seconds = numbers(1, 86400)


@dataclass(frozen=True)
class _Addresses:
    vips: list[str]
    peers: list[str]
    common_source: str
    node_sources: list[str | list[str]]


@st.composite
def _addresses(draw: st.DrawFn, version: int, nodes: int) -> _Addresses:
    """Addresses that keep the rules: distinct, and each family has peers when there are any."""
    families = draw(st.sampled_from([[4]] if version == 2 else [[4], [6], [4, 6], [6, 4]]))
    pools = {4: ipv4_addresses, 6: ipv6_addresses}
    mine = [address for family in families for address in [draw(pools[family])]]
    mine += draw(st.lists(st.one_of(*(pools[family] for family in families)), max_size=3))
    mine = list(dict.fromkeys(mine))
    others = {family: pools[family].filter(lambda address: address not in mine) for family in families}
    unicast = draw(st.booleans())
    peers = [peer for family in families if unicast for peer in [draw(others[family])]]
    peers += draw(st.lists(st.one_of(*others.values()), max_size=3)) if unicast else []
    peers = draw(st.permutations(list(dict.fromkeys(peers))))
    # A node that is the only peer of its family would be left without one.
    several = [peer for peer in peers if [other.version for other in peers].count(peer.version) > 1]
    candidates = st.sampled_from(several) if peers else st.one_of(*others.values())
    sources = draw(st.lists(candidates, max_size=nodes, unique=True)) if several or not peers else []
    own: list[str | list[str]] = []
    while sources:
        source, *sources = sources
        other = next((one for one in sources if one.version != source.version), None)
        if other and draw(st.booleans()):
            sources.remove(other)
            own.append([draw(spellings(source)), draw(spellings(other))])
        else:
            own.append(draw(spellings(source) | spellings(source).map(lambda one: [one])))
    return _Addresses(
        [draw(vips(address)) for address in mine],
        [draw(spellings(peer)) for peer in peers],
        draw(st.just("") | st.one_of(*others.values()).flatmap(spellings)),
        own,
    )


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Layer]:
    """An object with any of the fields; an underscore at the end of a name is dropped."""
    return st.fixed_dictionaries(
        {}, optional={name.rstrip("_"): strategy for name, strategy in fields.items()}
    )


@st.composite
def _keepalived(
    draw: st.DrawFn, version: int, addresses: _Addresses, interfaces: st.SearchStrategy[str]
) -> Layer:
    authentication = (
        some(authType=st.sampled_from(["PASS", "AH"]), authPass=passwords)
        | st.just({"authType": "PASS", "authPass": ""})
        if version == 2
        else some(authType=st.sampled_from(["PASS", "AH"]), authPass=text.map(lambda t: t[:8]))
    )
    hundredths = st.integers(1, 4095).map(lambda n: n / 100)
    instance = draw(
        some(
            name=words,
            state=st.sampled_from(["BACKUP", "MASTER"]),
            interface=interfaces,
            trackInterface=st.none()
            | st.lists(interfaces.filter(lambda name: name != "auto"), max_size=3, unique=True),
            priority=numbers(1, 255),
            virtualRouterId=numbers(1, 255) | st.just("auto"),
            advertInt=numbers(1, 255)
            if version == 2
            else hundredths | hundredths.map(str) | st.integers(1, 40),
            nopreempt=st.booleans(),
            preemptDelay=st.just(0) | numbers(1, 1000),
            startDelay=st.sampled_from([0, 0.0, 5, "0.5", 0.25, 600, 59.99]),
            authentication=authentication,
        )
    )
    instance["virtualIpAddress"], *further = addresses.vips
    optional = {
        "virtualIpAddresses": further,
        "unicastPeers": addresses.peers,
        "unicastSourceAddress": addresses.common_source,
    }
    instance |= {key: value for key, value in optional.items() if value or draw(st.booleans())}
    garp = some(
        masterDelay=numbers(0, 4294),
        masterRefresh=numbers(0, 86400),
        masterRepeat=numbers(0, 255),
        masterRefreshRepeat=numbers(0, 255),
    )
    return draw(some(routerId=words, garp=garp)) | {
        "vrrpVersion": draw(st.sampled_from([version, float(version)])),
        "vrrpInstance": instance,
    }


_command = some(command=st.lists(text, min_size=1, max_size=3))
_probe = {
    "enabled": st.booleans(),
    "exec": _command,
    "periodSeconds": seconds,
    "timeoutSeconds": seconds,
    "failureThreshold": seconds,
}


@st.composite
def _of_kind(draw: st.DrawFn, kind: Any) -> object:
    """What Kubernetes accepts as a value of one of its types, but for what only its validation knows."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {str(field.alias): field for field in kind.model_fields.values()}
        required = [name for name, field in fields.items() if field.is_required()]
        further = draw(st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True))
        return {name: draw(_of_kind(fields[name].annotation)) for name in {*required, *further}}
    inner = get_args(kind)
    if type(None) in inner:
        return draw(st.none() | _of_kind(inner[0]))
    if get_origin(kind) is Literal:
        return draw(st.sampled_from(inner))
    if get_origin(kind) is list:
        return draw(st.lists(_of_kind(inner[0]), max_size=2))
    if get_origin(kind) is dict:
        return draw(st.dictionaries(_keys, _of_kind(inner[1]), max_size=2))
    if kind == objects.Quantity:
        return draw(
            st.sampled_from(
                ["50m", ".5", 1, 0.05, "1e-1", "64Mi", 67108864, "1E3", "1E", "+2.Ki", ".3n", "5.u"]
            )
        )
    return draw({str: text, int: st.integers(-(2**53), 2**53), bool: st.booleans()}[kind])


def handed_on(path: str) -> st.SearchStrategy[Any]:
    """A value that goes to Kubernetes as it is; a null takes the default away."""
    return st.none() | _of_kind(objects.kind(path))


_names = st.none() | st.lists(st.sampled_from(["NET_ADMIN", "cap_net_raw", "SETGID", "all"]), max_size=3)
contexts = st.fixed_dictionaries(
    {"capabilities": st.none() | st.fixed_dictionaries({}, optional={"add": _names, "drop": _names})}
)
_DEPARTURES = (
    *("hitlessResignation", "promptSuccession", "claimBeforeOwn", "partingAdvert", "pacedGarp"),
    *("lastResort", "kernelLease", "checksumPseudoHeader", "incumbentStays"),
)

_agent = some(
    image=some(
        repository=st.sampled_from(["vipalived", "registry.example:5000/net/vipalived", "0"]),
        pullPolicy=st.sampled_from(["Always", "IfNotPresent", "Never"]),
        tag=st.sampled_from(["", "0.3.0", "1e3", "007"]),
        digest=st.sampled_from(["", f"sha256:{'0b' * 32}"]),
    ),
    endpoint=some(
        address=st.sampled_from(["127.0.0.1", "0.0.0.0", "::", "::1", "198.18.0.77", "2001:DB8::77"]),
        port=numbers(0, 65535),
    ),
    askFirst=st.booleans(),
    logFormat=st.sampled_from(["text", "json"]),
    logLevel=st.sampled_from(["debug", "info", "warning", "error"]),
    securityContext=handed_on("agent.securityContext") | contexts,
)
_hundredths = st.integers(5, 6000).map(lambda n: n / 100)
_short = _hundredths | _hundredths.map(str) | numbers(1, 60)
_paths = st.just("") | st.sampled_from(["/a", "/b.pem", "/etc/kubernetes/pki/ca.crt", "/@/a-b"])
_paths_and = joined(st.just("/"), st.text(_LOWER + "/_.?=&%-", max_size=12))


@st.composite
def _health_checks(draw: st.DrawFn, vips: list[str]) -> Layer:
    """A health check that keeps the rules: of none of the VIPs, and with both or none of certificate and key."""
    taken = [parse_vip(vip).ip for vip in vips]
    addresses = ipv4_addresses.filter(lambda address: address not in taken).map(str) | ipv6_addresses.filter(
        lambda address: address not in taken
    ).flatmap(lambda address: spellings(address).map("[{}]".format))
    hosts = st.sampled_from(["127.0.0.1", "[::1]", "localhost", "cp-1.Example.ORG"]) | addresses
    ports = st.just("") | st.integers(1, 65535).map(":{}".format)
    layer = draw(
        some(
            enabled=st.booleans() | st.just("auto"),
            url=joined(st.just("https://"), hosts, ports, _paths_and),
            interval=_short,
            timeout=_short,
            fall=numbers(1, 100),
            rise=numbers(1, 100),
            caFile=_paths,
            tokenFile=_paths,
        )
    )
    certificate, key = draw(_paths), draw(_paths)
    certified = {"clientCertFile": certificate, "clientKeyFile": key} if certificate and key else {}
    # Credentials are refused without an authority.
    return layer | certified if layer.get("caFile") else layer | {"tokenFile": None}


_quantities = st.none() | some(
    cpu=st.sampled_from([None, "50m", "100m", "200m", 0.05, 1]),
    memory=st.sampled_from([None, "32Mi", "64Mi", "128Mi", 67108864]),
)
resources = (
    handed_on("resources")
    | some(requests=_quantities, limits=_quantities)
    | st.sampled_from([None, "100m", "0.5", ".5", 0.5, 1, "1", "0m", "0", 0, "1000m", "1e-1"]).map(
        lambda cpu: {"limits": {"cpu": cpu}}
    )
)
_kubernetes = some(
    nameOverride=st.just("") | labels,
    fullnameOverride=st.just("") | labels,
    namespace=labels,
    image=some(
        repository=st.sampled_from(["alpine", "registry.example:5000/net/keepalived", "0", "1e3"]),
        pullPolicy=st.sampled_from(["Always", "IfNotPresent", "Never"]),
        tag=st.sampled_from(["", "3.22", "2.2.7-r0", "_", "1e3", "007"]),
        digest=st.sampled_from(["", f"sha256:{'0a' * 32}"]),
    ),
    imagePullSecrets=handed_on("imagePullSecrets"),
    engine=st.sampled_from(["keepalived", "native"]) | st.none(),
    agent=st.none() | _agent,
    native=st.none() | some(**dict.fromkeys(_DEPARTURES, st.booleans())),
    static=st.booleans(),
    staticNodeSelector=st.none() | label_maps,
    staticAffinity=handed_on("staticAffinity"),
    staticTolerations=handed_on("staticTolerations"),
    updateStrategy=some(type=st.sampled_from(["RollingUpdate", "OnDelete"]), maxUnavailable=numbers(1, 5000)),
    minReadySeconds=st.none() | st.just("auto") | numbers(0, 86400),
    hostNetwork=st.just(True),
    automountServiceAccountToken=st.booleans(),
    priorityClassName=st.just("") | subdomains,
    distribution=st.none() | st.sampled_from(["", "kubeadm", "k3s", "rke2"]),
    nodeSelector=st.none()
    | label_maps
    | st.fixed_dictionaries({CONTROL_PLANE: st.none() | st.sampled_from(["true", "", "false"])}),
    tolerations=handed_on("tolerations")
    | st.just([{"key": CONTROL_PLANE, "operator": "Exists"}, {"operator": "Exists"}]),
    lookupNodes=st.none() | st.booleans(),
    grafanaDashboard=st.none() | some(enabled=st.booleans()),
    helmTest=st.none() | some(image=st.just("curl:8"), command=st.lists(st.just("a"), max_size=2)),
    affinity=handed_on("affinity"),
    podSecurityContext=handed_on("podSecurityContext"),
    securityContext=handed_on("securityContext") | contexts,
    resources=resources,
    startupProbe=some(**_probe),
    livenessProbe=some(**_probe, initialDelaySeconds=numbers(0, 86400)),
    readinessProbe=some(**_probe, successThreshold=seconds),
    serviceAccount=st.none() | some(name=st.just("") | subdomains),
    terminationGracePeriodSeconds=st.none() | numbers(1, 3600),
    commonLabels=st.none() | label_maps,
    commonAnnotations=st.none() | st.dictionaries(label_keys, text, max_size=3),
    podLabels=st.none() | label_maps,
    podAnnotations=st.none() | st.dictionaries(label_keys, text, max_size=3),
    global_=json_objects,
)


@st.composite
def valid_layers(draw: st.DrawFn, interfaces: st.SearchStrategy[str] = interface_names_or_auto) -> Layer:
    """A values file that keeps every rule."""
    version = draw(st.sampled_from([2, 3, 3]))
    nodes = draw(st.lists(node_names, max_size=4, unique=True))
    addresses = draw(_addresses(version, len(nodes)))
    overrides = {}
    for index, name in enumerate(nodes):
        overrides[name] = draw(
            some(
                state=st.sampled_from(["BACKUP", "MASTER"]),
                interface=interfaces,
                priority=numbers(1, 255) | st.none(),
            )
        )
        if index < len(addresses.node_sources):
            overrides[name]["unicastSourceAddress"] = addresses.node_sources[index]
    layer = draw(_kubernetes) | {"keepalived": draw(_keepalived(version, addresses, interfaces))}
    if addresses.peers and addresses.common_source:
        # For all nodes of a DaemonSet it would be one source.
        layer["static"] = True
    layer |= draw(some(healthCheck=st.none() | _health_checks(addresses.vips)))
    layer |= draw(some(podMonitor=st.none() | _pod_monitors(scraped=_is_scraped(layer))))
    watched = st.booleans() if layer.get("engine") == "native" else st.just(False)
    layer |= draw(some(prometheusRule=st.none() | some(enabled=watched, labels=label_maps)))
    layer |= {"nodes": overrides} if overrides or draw(st.booleans()) else {}
    return _with_rights(layer)


def _with_rights(layer: Layer) -> Layer:
    """The same, with the rights that either engine needs, and no request beyond its limit."""
    none = {"securityContext": {}, "podSecurityContext": {}, "resources": {}}
    merged = Settings.model_validate(none | merge(Settings().model_dump(by_alias=True), layer))
    layer = dict(layer)
    if [*excesses(merged.resources)]:
        layer["resources"] = {"requests": None}
    engines = {name: merged.model_copy(update={"engine": name}) for name in ("keepalived", "native")}
    of_engine = {name: rights(settings) for name, settings in engines.items()}
    if any(found.stranger for found in of_engine.values()):
        root = {"runAsUser": 0, "runAsNonRoot": False}
        layer["podSecurityContext"] = dict(layer.get("podSecurityContext") or {}) | root
    own = {"capabilities": {"add": ["cap_net_admin", "NET_RAW"]}}
    for engine, found in of_engine.items():
        needed = {"NET_RAW", "SETGID"} if engines[engine].runs_script else {"NET_RAW"}
        fine = not found.stranger and "NET_ADMIN" not in found.missing and needed.isdisjoint(found.dropped)
        if not fine and engine == "native":
            layer["agent"] = dict(layer.get("agent") or {}) | {"securityContext": own}
        elif not fine:
            layer["securityContext"] = own
    return layer


def _is_scraped(layer: Layer) -> bool:
    """Whether Prometheus reaches an agent."""
    agent = layer.get("agent") or {}
    endpoint = {"address": "127.0.0.1", "port": 9951} | agent.get("endpoint", {})
    return bool(
        layer.get("engine") == "native"
        and endpoint["port"]
        and endpoint["address"] not in ("127.0.0.1", "::1")
    )


def _pod_monitors(*, scraped: bool) -> st.SearchStrategy[Layer]:
    return some(
        enabled=st.just(scraped) | st.just(False),
        interval=st.sampled_from(["30s", "1m", "500ms", "1h"]),
        labels=st.none() | label_maps | st.just({"app.kubernetes.io/component": "x"}),
    )
