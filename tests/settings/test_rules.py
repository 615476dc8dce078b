"""Each rule with values that break it, and values beside them that do not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import yaml

from vipalived.errors import InvalidSettings, Problem
from vipalived.settings import load
from vipalived.settings.rules import RULES

INSTANCE = "keepalived.vrrpInstance"


@dataclass(frozen=True)
class Case:
    """What breaks a rule, what is said then, and what keeps it; short forms of a values file."""

    severity: str
    path: str
    said: str
    broken: str
    kept: str


def instance(text: str, rest: str = "") -> str:
    return f"{{keepalived: {{vrrpInstance: {{{text}}}, {rest}}}}}"


def of_one_node(text: str) -> str:
    return f"{{static: true, keepalived: {{vrrpInstance: {{{text}}}}}}}"


def with_nodes(text: str, nodes: str) -> str:
    return f"{{keepalived: {{vrrpInstance: {{{text}}}}}, nodes: {{{nodes}}}}}"


V2 = "vrrpVersion: 2"
UNDER_AH = f"keepalived: {{{V2}, vrrpInstance: {{authentication: {{authType: AH}}}}}}"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
PEERS = "unicastPeers: [198.18.0.1, 198.18.0.2]"
DUAL = (
    "virtualIpAddress: 198.18.0.9/24, virtualIpAddresses: ['2001:db8::9/64'],"
    " unicastPeers: [198.18.0.1, 198.18.0.2, '2001:db8::1', '2001:db8::2']"
)
PASSWORD = "expected up to 8 ASCII letters, digits or `@%^&*()_+=:;,./?<>|~[]-`"
UNWRITABLE = "expected text without control characters and line separators that YAML cannot carry"

CASES = {
    "v2 carries whole seconds": Case(
        "error",
        f"{INSTANCE}.advertInt",
        "VRRPv2 carries whole seconds only, found 0.5",
        instance("advertInt: 0.5", V2),
        instance("advertInt: 2", V2),
    ),
    "v2 interval too long": Case(
        "error",
        f"{INSTANCE}.advertInt",
        "expected 1 to 255 seconds under VRRPv2, found 256",
        instance("advertInt: 256", V2),
        instance("advertInt: 255", V2),
    ),
    "the example's address": Case(
        "warning",
        f"{INSTANCE}.virtualIpAddress",
        "this is the example's address, and hardly one of your network, found 172.16.101.101/32",
        "{}",
        instance("virtualIpAddress: 172.16.101.101/24"),
    ),
    "v2 interval too short": Case(
        "error",
        f"{INSTANCE}.advertInt",
        "expected 1 to 255 seconds under VRRPv2, found 0",
        instance("advertInt: 0", V2),
        instance("advertInt: 1", V2),
    ),
    "v3 interval too long": Case(
        "error",
        f"{INSTANCE}.advertInt",
        "expected 0.01 to 40.95 seconds under VRRPv3, found 40.96",
        instance("advertInt: 40.96"),
        instance("advertInt: 40.95"),
    ),
    "v3 interval too short": Case(
        "error",
        f"{INSTANCE}.advertInt",
        "expected 0.01 to 40.95 seconds under VRRPv3, found 0",
        instance("advertInt: 0"),
        instance("advertInt: 0.01"),
    ),
    "v3 interval too fine": Case(
        "error",
        f"{INSTANCE}.advertInt",
        "VRRPv3 carries hundredths of a second, no finer, found 0.125",
        instance("advertInt: 0.125"),
        instance("advertInt: 0.13"),
    ),
    "authentication under v3": Case(
        "warning",
        f"{INSTANCE}.authentication",
        "VRRPv3 has no authentication, so these values do nothing, found authType AH with vrrpVersion 3",
        instance("authentication: {authType: AH}"),
        instance("authentication: {authType: AH}", V2),
    ),
    "password under v3": Case(
        "warning",
        f"{INSTANCE}.authentication",
        "VRRPv3 has no authentication, so these values do nothing, found authType PASS with vrrpVersion 3",
        instance("authentication: {authPass: other}"),
        instance("authentication: {authPass: other}", V2),
    ),
    "password with another character": Case(
        "error",
        f"{INSTANCE}.authentication.authPass",
        f"{PASSWORD}, found another character",
        instance("authentication: {authPass: 'se#cret'}", V2),
        instance("authentication: {authPass: 'se,cret'}", V2),
    ),
    "AH without a password": Case(
        "error",
        f"{INSTANCE}.authentication.authPass",
        "AH authentication needs a password, found an empty text",
        instance("authentication: {authType: AH, authPass: ''}", V2),
        instance("authentication: {authType: PASS, authPass: ''}", V2),
    ),
    "IPv6 under v2": Case(
        "error",
        f"{INSTANCE}.virtualIpAddress",
        "VRRPv2 has no IPv6, found 2001:db8::1/64",
        instance("virtualIpAddresses: ['2001:DB8::1/64']", V2),
        instance("virtualIpAddresses: ['2001:DB8::1/64']"),
    ),
    "a CPU limit and a short interval": Case(
        "warning",
        "resources",
        "a CPU limit and `advertInt` below 0.1 s do not go together, found 100m and 0.05",
        instance("advertInt: 0.05"),
        instance("advertInt: 0.1"),
    ),
    "a CPU limit as a number": Case(
        "warning",
        "resources",
        "a CPU limit and `advertInt` below 0.1 s do not go together, found 0.5 and 0.05",
        "{resources: {limits: {cpu: 0.5}}, keepalived: {vrrpInstance: {advertInt: 0.05}}}",
        "{resources: {limits: {cpu: 1}}, keepalived: {vrrpInstance: {advertInt: 0.05}}}",
    ),
    "no CPU limit": Case(
        "warning",
        "resources",
        "a CPU limit and `advertInt` below 0.1 s do not go together, found 999m and 0.09",
        "{resources: {limits: {cpu: 999m}}, keepalived: {vrrpInstance: {advertInt: 0.09}}}",
        "{resources: {limits: null}, keepalived: {vrrpInstance: {advertInt: 0.05}}}",
    ),
    "a network's address": Case(
        "error",
        f"{INSTANCE}.virtualIpAddress",
        "this is the network's or the broadcast address of its subnet, found 198.18.1.0/24, 198.18.1.255/24",
        instance("virtualIpAddress: 198.18.1.0/24, virtualIpAddresses: [198.18.1.255/24]"),
        instance("virtualIpAddress: 198.18.1.0/31, virtualIpAddresses: [198.18.1.255/32]"),
    ),
    "a VIP twice": Case(
        "error",
        f"{INSTANCE}.virtualIpAddresses",
        "an address is listed twice, found 2001:db8::1",
        instance("virtualIpAddress: '2001:db8::1/64', virtualIpAddresses: ['2001:0DB8:0::1/128']"),
        instance("virtualIpAddress: '2001:db8::1/64', virtualIpAddresses: ['2001:0DB8:0::2/128']"),
    ),
    "MASTER under AH": Case(
        "warning",
        f"{INSTANCE}.state",
        "keepalived cannot start as MASTER with AH authentication unless the priority is 255, "
        "found MASTER with priority 100",
        instance("state: MASTER, nopreempt: false, authentication: {authType: AH}", V2),
        instance("state: MASTER, nopreempt: false, authentication: {authType: PASS}", V2),
    ),
    "one priority under AH": Case(
        "warning",
        f"{INSTANCE}.authentication.authType",
        "under AH keepalived nodes of one priority that claim together stay Masters together for seconds, found AH",
        f"{{{UNDER_AH}}}",
        f"{{engine: native, {UNDER_AH}}}",
    ),
    "two nodes of one priority under AH": Case(
        "warning",
        f"{INSTANCE}.authentication.authType",
        "under AH keepalived nodes of one priority that claim together stay Masters together for seconds, found AH",
        f"{{nodes: {{a: {{priority: 101}}, b: {{}}, c: {{}}}}, {UNDER_AH}}}",
        f"{{nodes: {{a: {{priority: 101}}, b: {{}}}}, {UNDER_AH}}}",
    ),
    "MASTER with nopreempt": Case(
        "warning",
        f"{INSTANCE}.nopreempt",
        "nopreempt does nothing with `state: MASTER`, found MASTER with priority 100",
        instance("state: MASTER"),
        instance("state: MASTER, nopreempt: false"),
    ),
    "one node MASTER with nopreempt": Case(
        "warning",
        f"{INSTANCE}.nopreempt",
        "nopreempt does nothing with `state: MASTER`, found MASTER with priority 7",
        "{nodes: {cp-1: {state: MASTER, priority: 7}}}",
        "{nodes: {cp-1: {state: BACKUP, priority: 7}}}",
    ),
    "a delay of what never comes": Case(
        "warning",
        f"{INSTANCE}.preemptDelay",
        "preemptDelay does nothing with nopreempt, under which no better node takes the VIP, found 30 s with nopreempt",
        instance("preemptDelay: 30"),
        instance("preemptDelay: 30, nopreempt: false"),
    ),
    "a delay for the owner": Case(
        "warning",
        f"{INSTANCE}.preemptDelay",
        "preemptDelay does nothing on a node with `state: MASTER` or priority 255, which takes the VIP at once,"
        " found 30 s",
        instance("preemptDelay: 30, nopreempt: false, priority: 255"),
        instance("preemptDelay: 30, nopreempt: false, priority: 254"),
    ),
    "a delay for a MASTER": Case(
        "warning",
        f"{INSTANCE}.preemptDelay",
        "preemptDelay does nothing on a node with `state: MASTER` or priority 255, which takes the VIP at once,"
        " found 30 s",
        instance("preemptDelay: 30, nopreempt: false, state: MASTER"),
        instance("preemptDelay: 0, nopreempt: false, state: MASTER"),
    ),
    "owner with nopreempt": Case(
        "warning",
        f"{INSTANCE}.nopreempt",
        "nopreempt does nothing with priority 255, which always preempts, found priority 255 with nopreempt",
        "{nodes: {cp-1: {priority: 255}}}",
        "{nodes: {cp-1: {priority: 254}}}",
    ),
    "everyone the owner": Case(
        "warning",
        f"{INSTANCE}.priority",
        "only one node can be the address owner (priority 255); several fight for the VIP, "
        "found 255 on more than one node",
        instance("priority: 255, nopreempt: false"),
        "{keepalived: {vrrpInstance: {priority: 255, nopreempt: false}}, nodes: {cp-2: {priority: 9}}}",
    ),
    "two owners": Case(
        "warning",
        f"{INSTANCE}.priority",
        "only one node can be the address owner (priority 255); several fight for the VIP, "
        "found 255 on more than one node",
        "{keepalived: {vrrpInstance: {nopreempt: false}}, nodes: {a: {priority: 255}, b: {priority: 255}}}",
        "{keepalived: {vrrpInstance: {nopreempt: false}}, nodes: {a: {priority: 255}, b: {priority: 254}}}",
    ),
    "no host network": Case(
        "error",
        "hostNetwork",
        "the VIP would live and die in the pod's own network, found false",
        "{hostNetwork: false}",
        "{hostNetwork: true}",
    ),
    "tracked twice": Case(
        "error",
        f"{INSTANCE}.trackInterface",
        "an interface is listed twice, found eth1",
        instance("trackInterface: [eth1, eth2, eth1]"),
        instance("trackInterface: [eth1, eth2]"),
    ),
    "auto tracked": Case(
        "error",
        f"{INSTANCE}.trackInterface",
        "`auto` is not the name of an interface here, found auto",
        instance("trackInterface: [auto]"),
        instance("interface: auto, trackInterface: [eth1]"),
    ),
    "own interface tracked": Case(
        "warning",
        f"{INSTANCE}.trackInterface",
        "the interface that carries VRRP is tracked anyway, and not rendered again, found eth5",
        "{keepalived: {vrrpInstance: {trackInterface: [eth5]}}, nodes: {cp-1: {interface: eth5}}}",
        "{keepalived: {vrrpInstance: {trackInterface: [eth5]}}, nodes: {cp-1: {interface: eth6}}}",
    ),
    "a peer twice": Case(
        "error",
        f"{INSTANCE}.unicastPeers",
        "an address is listed twice, found 198.18.0.1",
        instance("unicastPeers: [198.18.0.1, 198.18.0.1]"),
        instance(PEERS),
    ),
    "a family without peers": Case(
        "error",
        f"{INSTANCE}.unicastPeers",
        "expected peers of each address family that has a VIP, found no IPv6 address",
        instance(f"virtualIpAddresses: ['2001:db8::9/64'], {PEERS}"),
        instance(
            "virtualIpAddresses: ['2001:db8::9/64'], unicastPeers: [198.18.0.1, '2001:db8::1', '2001:db8::2']"
        ),
    ),
    "a peer without a VIP of its family": Case(
        "error",
        f"{INSTANCE}.unicastPeers",
        "a peer or source address has an address family without a VIP, found 2001:db8::1",
        instance("unicastPeers: [198.18.0.1, 198.18.0.2, '2001:db8::1']"),
        instance(PEERS),
    ),
    "a source without a VIP of its family": Case(
        "error",
        f"{INSTANCE}.unicastPeers",
        "a peer or source address has an address family without a VIP, found 2001:db8::1",
        of_one_node(f"unicastSourceAddress: '2001:db8::1', {PEERS}"),
        of_one_node(f"unicastSourceAddress: 198.18.0.1, {PEERS}"),
    ),
    "a VIP as a peer": Case(
        "error",
        f"{INSTANCE}.unicastPeers",
        "a VIP is given as the address of a node, found 198.18.0.2",
        instance(f"virtualIpAddress: 198.18.0.2/24, {PEERS}"),
        instance(f"virtualIpAddress: 198.18.0.3/24, {PEERS}"),
    ),
    "alone among peers": Case(
        "error",
        f"{INSTANCE}.unicastPeers",
        "the only peer of an address family is the node itself, found 198.18.0.1",
        "{keepalived: {vrrpInstance: {unicastPeers: [198.18.0.1]}}, nodes: {a: {unicastSourceAddress: 198.18.0.1}}}",
        instance("unicastPeers: [198.18.0.1]"),
    ),
    "a source without peers": Case(
        "warning",
        f"{INSTANCE}.unicastSourceAddress",
        "a source address without `unicastPeers` does nothing: advertisements are multicast, found 198.18.0.1",
        instance("unicastSourceAddress: 198.18.0.1"),
        instance("unicastSourceAddress: ''"),
    ),
    "peers of the others only": Case(
        "error",
        f"{INSTANCE}.unicastPeers",
        "a node's own address is not among the peers, which would not listen to it, found 198.18.0.3, 2001:db8::3",
        with_nodes(DUAL, "a: {unicastSourceAddress: [198.18.0.3, '2001:db8::3']}"),
        with_nodes(DUAL, "a: {unicastSourceAddress: [198.18.0.1, '2001:DB8:0::1']}"),
    ),
    "a request beside the default limit": Case(
        "error",
        "resources",
        "Kubernetes refuses a request that is more than its limit, found requests.cpu 200m and limits.cpu 100m,"
        " requests.memory 128Mi and limits.memory 64Mi",
        "{resources: {requests: {cpu: 200m, memory: 128Mi}}}",
        "{resources: {requests: {cpu: 200m, memory: '6.4e7'}, limits: {cpu: 0.2}}}",
    ),
    "a request of another resource": Case(
        "error",
        "resources",
        "Kubernetes refuses a request that is more than its limit, found requests.x.example/y 1k"
        " and limits.x.example/y 999",
        "{resources: {requests: {x.example/y: 1k}, limits: {x.example/y: 999}}}",
        "{resources: {requests: {x.example/y: 1k}, limits: {x.example/y: 1E3}}}",
    ),
    "nobody may add an address": Case(
        "error",
        "securityContext",
        "without NET_ADMIN nothing in a container can add an address, found a container without it",
        "{securityContext: {capabilities: {add: [NET_RAW]}}}",
        "{securityContext: {capabilities: {add: [cap_net_admin, CAP_NET_RAW]}}}",
    ),
    "no context": Case(
        "error",
        "securityContext",
        "without NET_ADMIN nothing in a container can add an address, found a container without it",
        "{securityContext: {capabilities: {drop: [ALL], add: [NET_RAW]}}}",
        "{securityContext: {privileged: true, capabilities: {drop: [ALL], add: null}}}",
    ),
    "an agent that may not add an address": Case(
        "error",
        "agent.securityContext",
        "without NET_ADMIN nothing in a container can add an address, found a container without it",
        "{engine: native, agent: {securityContext: {capabilities: {add: [NET_RAW]}}}}",
        "{agent: {securityContext: {capabilities: {add: [NET_RAW]}}}}",
    ),
    "nobody may send": Case(
        "error",
        "securityContext",
        "without NET_RAW nothing in a container can send or hear advertisements, found NET_RAW is dropped",
        "{securityContext: {capabilities: {add: [NET_ADMIN], drop: [net_raw]}}}",
        "{securityContext: {capabilities: {add: [NET_ADMIN, NET_RAW], drop: [ALL]}}}",
    ),
    "an agent that may not send": Case(
        "error",
        "agent.securityContext",
        "without NET_RAW nothing in a container can send or hear advertisements, found NET_RAW is dropped",
        "{engine: native, agent: {securityContext: {capabilities: {add: [NET_ADMIN]}}}}",
        "{engine: native, agent: {securityContext: {capabilities: {add: [ALL]}}}}",
    ),
    "what not every runtime gives": Case(
        "warning",
        "securityContext",
        "not every container runtime gives NET_RAW to a container that does not ask for it (CRI-O does not),"
        " found a container that does not",
        "{securityContext: {capabilities: {add: [NET_ADMIN]}}}",
        "{}",
    ),
    "what not every runtime gives an agent": Case(
        "warning",
        "agent.securityContext",
        "not every container runtime gives NET_RAW to a container that does not ask for it (CRI-O does not),"
        " found a container that does not",
        "{engine: native, agent: {securityContext: {capabilities: {add: [NET_ADMIN], drop: [KILL]}}}}",
        "{engine: native}",
    ),
    "not root": Case(
        "error",
        "securityContext",
        "only root of a container has the capabilities that it is given, found runAsUser: 1000",
        "{podSecurityContext: {runAsUser: 1000}}",
        "{podSecurityContext: {runAsUser: 1000}, securityContext: {runAsUser: 0}}",
    ),
    "root refused": Case(
        "error",
        "securityContext",
        "only root of a container has the capabilities that it is given, found runAsNonRoot: true",
        "{securityContext: {runAsNonRoot: true}}",
        "{podSecurityContext: {runAsNonRoot: true}, securityContext: {runAsNonRoot: false}}",
    ),
    "an agent that is not root": Case(
        "error",
        "agent.securityContext",
        "only root of a container has the capabilities that it is given, found runAsNonRoot: true",
        "{engine: native, podSecurityContext: {runAsNonRoot: true}}",
        "{agent: {securityContext: {runAsNonRoot: true}}}",
    ),
    "a start delay without end": Case(
        "error",
        f"{INSTANCE}.startDelay",
        "expected 0 to 600 seconds, found 600.5",
        instance("startDelay: 600.5"),
        instance("startDelay: 600"),
    ),
    "a start delay of less than nothing": Case(
        "error",
        f"{INSTANCE}.startDelay",
        "expected 0 to 600 seconds, found -1",
        instance("startDelay: -1"),
        instance("startDelay: 0.5"),
    ),
    "one source for all nodes": Case(
        "error",
        f"{INSTANCE}.unicastSourceAddress",
        "one source address for all nodes, found 198.18.0.1, 2001:db8::1",
        instance(f"{DUAL}, unicastSourceAddress: [198.18.0.1, '2001:db8::1']"),
        of_one_node(f"{DUAL}, unicastSourceAddress: [198.18.0.1, '2001:db8::1']"),
    ),
    "two sources of one family": Case(
        "error",
        f"{INSTANCE}.unicastSourceAddress",
        "expected one address for each family, found 198.18.0.1 and 198.18.0.2",
        of_one_node(f"{PEERS}, unicastSourceAddress: [198.18.0.1, 198.18.0.2]"),
        of_one_node(f"{PEERS}, unicastSourceAddress: [198.18.0.1]"),
    ),
    "two sources of one family of a node": Case(
        "error",
        f"{INSTANCE}.unicastSourceAddress",
        "expected one address for each family, found 2001:db8::1 and 2001:db8::2",
        with_nodes(DUAL, "a: {unicastSourceAddress: ['2001:db8::1', '2001:db8::2']}"),
        with_nodes(DUAL, "a: {unicastSourceAddress: ['2001:db8::1', 198.18.0.2]}"),
    ),
    "two nodes with one address": Case(
        "error",
        "nodes",
        "two nodes have the same `unicastSourceAddress`, found 198.18.0.1",
        "{nodes: {a: {unicastSourceAddress: 198.18.0.1}, b: {unicastSourceAddress: 198.18.0.1}}}",
        "{nodes: {a: {unicastSourceAddress: 198.18.0.1}, b: {unicastSourceAddress: 198.18.0.2}}}",
    ),
    "no gratuitous ARP": Case(
        "warning",
        "keepalived.garp",
        "keepalived sends at least one gratuitous ARP, so a repeat of 0 is rendered as 1, found 0",
        "{keepalived: {garp: {masterRepeat: 0}}}",
        "{keepalived: {garp: {masterRepeat: 1}}}",
    ),
    "no refreshing ARP": Case(
        "warning",
        "keepalived.garp",
        "keepalived sends at least one gratuitous ARP, so a repeat of 0 is rendered as 1, found 0",
        "{keepalived: {garp: {masterRefreshRepeat: 0}}}",
        "{keepalived: {garp: {masterRefresh: 0}}}",
    ),
    "a secret for a static pod": Case(
        "warning",
        "imagePullSecrets",
        "kubelet refuses a static pod that names a secret, so none is rendered, found a list",
        "{static: true, imagePullSecrets: [{name: registry}]}",
        "{static: false, imagePullSecrets: [{name: registry}]}",
    ),
    "a label that selects": Case(
        "error",
        "podLabels",
        "the labels that the DaemonSet selects its pods by cannot be set here, "
        "found app.kubernetes.io/name, app.kubernetes.io/instance",
        "{podLabels: {app.kubernetes.io/instance: a, app.kubernetes.io/name: b}}",
        "{podLabels: {app.kubernetes.io/part-of: a}}",
    ),
    "an annotation of the chart's own": Case(
        "error",
        "podAnnotations",
        "the chart has a use of its own for this annotation, found checksum/configmap",
        "{podAnnotations: {checksum/configmap: a}}",
        "{podAnnotations: {checksum/secret: a}}",
    ),
    "a common annotation of the chart's own": Case(
        "error",
        "commonAnnotations",
        "the chart has a use of its own for this annotation, found checksum/configmap, vipalived/warnings",
        "{commonAnnotations: {vipalived/warnings: a, checksum/configmap: b}}",
        "{commonAnnotations: {warnings: a}}",
    ),
    "a common label of the selector": Case(
        "error",
        "commonLabels",
        "the labels that the DaemonSet selects its pods by cannot be set here, found app.kubernetes.io/instance",
        "{commonLabels: {app.kubernetes.io/instance: a}}",
        "{commonLabels: {app.kubernetes.io/component: a}}",
    ),
    "a static pod's service account": Case(
        "warning",
        "serviceAccount.name",
        "a static pod has no service account, so none is rendered, found a",
        "{static: true, serviceAccount: {name: a}}",
        "{serviceAccount: {name: a}}",
    ),
    "no time to leave": Case(
        "warning",
        "terminationGracePeriodSeconds",
        "a pod that needs longer than this is killed before another node has taken the VIP over,"
        " found 5 where it takes up to 6",
        "{engine: native, terminationGracePeriodSeconds: 5}",
        "{engine: native, terminationGracePeriodSeconds: 6}",
    ),
    "less time for keepalived": Case(
        "warning",
        "terminationGracePeriodSeconds",
        "a pod that needs longer than this is killed before another node has taken the VIP over,"
        " found 1 where it takes up to 2",
        "{terminationGracePeriodSeconds: 1}",
        "{terminationGracePeriodSeconds: 2}",
    ),
    "a VIP is asked": Case(
        "error",
        "healthCheck.url",
        "a VIP is asked, which is another node's as often as not, found https://172.16.101.101:6443/readyz",
        "{healthCheck: {url: 'https://172.16.101.101:6443/readyz'}}",
        "{healthCheck: {url: 'https://172.16.101.10:6443/readyz'}}",
    ),
    "a VIP is asked over IPv6": Case(
        "error",
        "healthCheck.url",
        "a VIP is asked, which is another node's as often as not, found https://[2001:DB8:0::9]/",
        "{healthCheck: {url: 'https://[2001:DB8:0::9]/'}, "
        "keepalived: {vrrpInstance: {virtualIpAddresses: ['2001:db8::9/64']}}}",
        "{healthCheck: {url: 'https://[2001:DB8:0::8]/'}, "
        "keepalived: {vrrpInstance: {virtualIpAddresses: ['2001:db8::9/64']}}}",
    ),
    "asked too often": Case(
        "error",
        "healthCheck.interval",
        "expected 0.05 to 60 seconds, found 0.04",
        "{healthCheck: {interval: 0.04}}",
        "{healthCheck: {interval: '0.05'}}",
    ),
    "asked too seldom": Case(
        "error",
        "healthCheck.interval",
        "expected 0.05 to 60 seconds, found 60.01",
        "{healthCheck: {interval: '60.01'}}",
        "{healthCheck: {interval: 60}}",
    ),
    "no time to answer": Case(
        "error",
        "healthCheck.timeout",
        "expected 0.05 to 60 seconds, found 0",
        "{healthCheck: {timeout: 0}}",
        "{healthCheck: {timeout: 0.05}}",
    ),
    "a certificate without a key": Case(
        "error",
        "healthCheck.clientCertFile",
        "a client certificate needs its key, found no clientKeyFile",
        "{healthCheck: {caFile: /ca, clientCertFile: /a.pem}, engine: native}",
        "{healthCheck: {caFile: /ca, clientCertFile: /a.pem, clientKeyFile: /a.pem}, engine: native}",
    ),
    "a key without a certificate": Case(
        "error",
        "healthCheck.clientKeyFile",
        "a key needs its client certificate, found no clientCertFile",
        "{healthCheck: {caFile: /ca, clientKeyFile: /a.pem}, engine: native}",
        "{healthCheck: {caFile: /ca, clientCertFile: /a.pem, clientKeyFile: /b.pem}, engine: native}",
    ),
    "credentials for anybody": Case(
        "error",
        "healthCheck.caFile",
        "credentials are sent to no API server whose certificate is not verified, found clientCertFile, tokenFile",
        "{healthCheck: {clientCertFile: /a, clientKeyFile: /a, tokenFile: /t}, engine: native}",
        "{healthCheck: {caFile: /ca, clientCertFile: /a, clientKeyFile: /a, tokenFile: /t}, engine: native}",
    ),
    "files without the agent": Case(
        "warning",
        "healthCheck",
        "only the agent reads these files, found caFile, clientCertFile, clientKeyFile, tokenFile",
        "{healthCheck: {enabled: true, caFile: /a, clientCertFile: /b, clientKeyFile: /c, tokenFile: /d}}",
        "{healthCheck: {caFile: /a, clientCertFile: /b, clientKeyFile: /c, tokenFile: /d}, engine: native}",
    ),
    "nobody who asks": Case(
        "warning",
        "healthCheck",
        "keepalived asks nobody unless it is told to, and these values do nothing, found fall, caFile",
        "{healthCheck: {caFile: /ca, fall: 5}}",
        "{healthCheck: {enabled: true, fall: 5}}",
    ),
    "a script that cannot fail": Case(
        "error",
        "securityContext",
        "without SETGID keepalived takes every `vrrp_script` for a success, found SETGID is dropped",
        "{healthCheck: {enabled: true}, securityContext: {capabilities: {drop: [cap_setgid]}}}",
        "{healthCheck: {enabled: true}, securityContext: {capabilities: {drop: [SETGID, KILL], add: [ALL]}}}",
    ),
    "a check by keepalived": Case(
        "warning",
        "healthCheck.enabled",
        "keepalived answers a failed check by FAULT: no node has the VIP while no API server answers, found true",
        "{healthCheck: {enabled: true}}",
        "{healthCheck: {enabled: true}, engine: native}",
    ),
    "metrics for everybody": Case(
        "warning",
        "agent.endpoint",
        "the metrics are open to the whole network, found 0.0.0.0",
        "{engine: native, agent: {endpoint: {address: 0.0.0.0}}}",
        "{engine: native}",
    ),
    "metrics for everybody over IPv6": Case(
        "warning",
        "agent.endpoint",
        "the metrics are open to the whole network, found ::",
        "{engine: native, agent: {endpoint: {address: '::'}}}",
        "{engine: native, agent: {endpoint: {address: '::', port: 0}}}",
    ),
    "metrics of nobody": Case(
        "error",
        "podMonitor.enabled",
        "there are no metrics without the agent, found true",
        "{podMonitor: {enabled: true}, agent: {endpoint: {address: '::'}}}",
        "{podMonitor: {enabled: false}}",
    ),
    "metrics on the loopback": Case(
        "error",
        "podMonitor.enabled",
        "Prometheus cannot reach `agent.endpoint`, found 127.0.0.1, port 9951",
        "{podMonitor: {enabled: true}, engine: native}",
        "{podMonitor: {enabled: true}, engine: native, agent: {endpoint: {address: 0.0.0.0}}}",
    ),
    "metrics on another loopback": Case(
        "error",
        "podMonitor.enabled",
        "Prometheus cannot reach `agent.endpoint`, found 127.1.2.3, port 80",
        "{podMonitor: {enabled: true}, engine: native, agent: {endpoint: {address: 127.1.2.3, port: 80}}}",
        "{podMonitor: {enabled: true}, engine: native, agent: {endpoint: {address: 198.18.0.7, port: 80}}}",
    ),
    "metrics on the loopback of IPv6": Case(
        "error",
        "podMonitor.enabled",
        "Prometheus cannot reach `agent.endpoint`, found ::1, port 9951",
        "{podMonitor: {enabled: true}, engine: native, agent: {endpoint: {address: '::1'}}}",
        "{podMonitor: {enabled: true}, engine: native, agent: {endpoint: {address: '2001:db8::1'}}}",
    ),
    "metrics at no port": Case(
        "error",
        "podMonitor.enabled",
        "Prometheus cannot reach `agent.endpoint`, found 0.0.0.0, port 0",
        "{podMonitor: {enabled: true}, engine: native, agent: {endpoint: {address: 0.0.0.0, port: 0}}}",
        "{podMonitor: {enabled: true}, engine: native, agent: {endpoint: {address: 0.0.0.0, port: 1}}}",
    ),
    "alerts on nothing": Case(
        "error",
        "prometheusRule.enabled",
        "the alerts are on the agent's metrics, and there are none without the agent, found true",
        "{prometheusRule: {enabled: true}}",
        "{prometheusRule: {enabled: true}, engine: native}",
    ),
    "a dashboard of nothing": Case(
        "warning",
        "grafanaDashboard.enabled",
        "the dashboard shows the agent's metrics, and there are none without the agent, found true",
        "{grafanaDashboard: {enabled: true}}",
        "{grafanaDashboard: {enabled: true}, engine: native}",
    ),
    "startupProbe without a command": Case(
        "error",
        "startupProbe.exec.command",
        "a probe that is enabled needs a command, found an empty list",
        "{startupProbe: {enabled: true, exec: {command: []}}}",
        "{startupProbe: {enabled: false, exec: {command: []}}}",
    ),
    "livenessProbe without a command": Case(
        "error",
        "livenessProbe.exec.command",
        "a probe that is enabled needs a command, found an empty list",
        "{livenessProbe: {enabled: true, exec: {command: []}}}",
        "{livenessProbe: {enabled: false, exec: {command: []}}}",
    ),
    "readinessProbe without a command": Case(
        "error",
        "readinessProbe.exec.command",
        "a probe that is enabled needs a command, found an empty list",
        "{readinessProbe: {enabled: true, exec: {command: []}}}",
        "{readinessProbe: {enabled: false, exec: {command: []}}}",
    ),
    "a tag inside the repository": Case(
        "error",
        "image.repository",
        "a repository has no tag in it, found registry.example:5000/keepalived:2.3.4",
        "{image: {repository: 'registry.example:5000/keepalived:2.3.4'}}",
        "{image: {repository: 'registry.example:5000/keepalived', tag: 2.3.4}}",
    ),
    "a tag inside the agent's repository": Case(
        "error",
        "agent.image.repository",
        "a repository has no tag in it, found vipalived:1",
        "{engine: native, agent: {image: {repository: 'vipalived:1'}}}",
        "{engine: native, agent: {image: {repository: vipalived, tag: '1'}}}",
    ),
    "a registry for all charts": Case(
        "warning",
        "global.imageRegistry",
        "nothing here reads it, and the pods' image is of another registry, found registry.example/",
        "{global: {imageRegistry: registry.example/}, image: {repository: registry.example.org/x, tag: '1'}}",
        "{global: {imageRegistry: registry.example}, image: {repository: registry.example/x, tag: '1'}}",
    ),
    "a registry for all charts, and the agent's": Case(
        "warning",
        "global.imageRegistry",
        "nothing here reads it, and the pods' image is of another registry, found r",
        "{engine: native, global: {imageRegistry: r}, image: {repository: r/x, tag: '1'}}",
        "{engine: native, global: {imageRegistry: r/}, agent: {image: {repository: r/x}}}",
    ),
    "pull secrets for all charts": Case(
        "warning",
        "global.imagePullSecrets",
        "nothing here reads it, and the pods have no pull secret, found a list",
        "{global: {imagePullSecrets: [a]}}",
        "{global: {imagePullSecrets: [a]}, imagePullSecrets: [{name: a}]}",
    ),
    "two digests": Case(
        "error",
        "image.tag",
        f"there is a digest in it, and one beside it, found {DIGEST}",
        f"{{image: {{tag: '3.22@{DIGEST}', digest: '{DIGEST}'}}}}",
        f"{{image: {{tag: '3.22@{DIGEST}'}}}}",
    ),
    "two digests of the agent": Case(
        "error",
        "agent.image.tag",
        f"there is a digest in it, and one beside it, found {DIGEST}",
        f"{{engine: native, agent: {{image: {{tag: '1@{DIGEST}', digest: '{DIGEST}'}}}}}}",
        f"{{engine: native, agent: {{image: {{tag: '1', digest: '{DIGEST}'}}}}}}",
    ),
    "an image of one's own without a tag": Case(
        "warning",
        "image.repository",
        "an image of your own gets Alpine's version as its tag, found registry.example/keepalived",
        "{image: {repository: registry.example/keepalived}}",
        f"{{image: {{repository: registry.example/keepalived, digest: '{DIGEST}'}}}}",
    ),
    "a selector beside the default one": Case(
        "warning",
        "nodeSelector",
        "Helm merges objects: the default selector is asked for beside yours, and a node must have all the labels, "
        "found node-role.kubernetes.io/control-plane, a",
        "{nodeSelector: {a: b}}",
        "{nodeSelector: {a: b, node-role.kubernetes.io/control-plane: null}}",
    ),
    "a departure of the engine that does not run": Case(
        "warning",
        "native",
        "only `engine: native` reads these values, found lastResort",
        "{native: {lastResort: false}}",
        "{native: {lastResort: false}, engine: native}",
    ),
    "the agent's values without an agent": Case(
        "warning",
        "agent",
        "only `engine: native` reads these values, found logFormat",
        "{agent: {logFormat: json}}",
        "{agent: {logFormat: json}, engine: native}",
    ),
    "an image that does not run": Case(
        "warning",
        "image",
        "`engine: native` runs from `agent.image`, and this does nothing, found tag",
        "{engine: native, image: {tag: '3.22'}}",
        "{engine: keepalived, image: {tag: '3.22'}}",
    ),
    "a security context of nothing": Case(
        "warning",
        "securityContext",
        "`engine: native` has `agent.securityContext`, and this does nothing, found another one than the default",
        "{engine: native, securityContext: {privileged: true}}",
        "{engine: keepalived, securityContext: {privileged: true}}",
    ),
    "the loopback": Case(
        "error",
        f"{INSTANCE}.interface",
        "the loopback has no neighbours to be told of a VIP, found lo",
        "{nodes: {a: {interface: lo}}}",
        "{nodes: {a: {interface: lo0}}}",
    ),
    "too many VIPs": Case(
        "error",
        f"{INSTANCE}.virtualIpAddresses",
        "an advertisement holds 255 addresses of a family, and an IPv6 one begins with a link-local address, "
        "found 256 of IPv4",
        instance(f"virtualIpAddresses: {[f'198.18.1.{n}/32' for n in range(255)]}"),
        instance(f"virtualIpAddresses: {[f'198.18.1.{n}/32' for n in range(254)]}"),
    ),
    "too many VIPs of IPv6": Case(
        "error",
        f"{INSTANCE}.virtualIpAddresses",
        "an advertisement holds 255 addresses of a family, and an IPv6 one begins with a link-local address, "
        "found 256 of IPv6",
        instance(f"virtualIpAddresses: {[f'2001:db8::{n:x}/128' for n in range(1, 256)]}"),
        instance(f"virtualIpAddresses: {['fe80::1/64', *(f'2001:db8::{n:x}/128' for n in range(1, 255))]}"),
    ),
    "a rank as a priority": Case(
        "warning",
        f"{INSTANCE}.priority",
        "with the agent the priorities 1 to 3 say how unhealthy a node is, found 3, 1",
        "{engine: native, keepalived: {vrrpInstance: {priority: 3}}, nodes: {a: {priority: 1}, b: {priority: 4}}}",
        "{engine: native, keepalived: {vrrpInstance: {priority: 4}}}",
    ),
    "a node's rank as a priority": Case(
        "warning",
        f"{INSTANCE}.priority",
        "with the agent the priorities 1 to 3 say how unhealthy a node is, found 2",
        "{engine: native, nodes: {a: {priority: 2}}}",
        "{nodes: {a: {priority: 2}}}",
    ),
    "a control character": Case(
        "error",
        "",
        f"{UNWRITABLE}, found tolerations[0].key, resources.limits.\\x7f, podAnnotations.a",
        r'{podAnnotations: {a: "x\x85"}, resources: {limits: {"\x7f": 1}}, tolerations: [{key: "\uFEFF"}]}',
        r'{podAnnotations: {a: "x\x01\n"}, resources: {limits: {"\t": 1}}, tolerations: [{key: "\uFEFD"}]}',
    ),
    "a line separator": Case(
        "error",
        "",
        f"{UNWRITABLE}, found resources.limits.\\u2029, podAnnotations.a",
        r"""{podAnnotations: {a: "x\\\u2028"}, resources: {limits: {"\u2029": 1}}}""",
        r"""{podAnnotations: {a: '\u2028', b: "\\u2028\u2027\u2030"}, resources: {limits: {'\u2029': 1}}}""",
    ),
    "a merge as a key": Case(
        "error",
        "",
        "a key `<<` is a merge to YAML and cannot be rendered as a key, found global.a[0].<<, global.<<",
        "{global: {a: [{'<<': {b: 1}}], '<<': {c: 1}}}",
        r"""{global: {'<': 1, '<<<': 2, '\u003c\u003c': 3, a: ['<<', '<<:'], b: '<<', c: '{"<<":1}', 'd,"<<': {}}}""",
    ),
}


def problems(text: str) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Errors and warnings of a values file."""
    layer = yaml.safe_load(text)
    try:
        return (), load([layer]).warnings
    except InvalidSettings as error:
        return error.problems, ()


@pytest.mark.parametrize("name", CASES)
def test_what_breaks_the_rule_is_reported(name: str) -> None:
    case = CASES[name]
    errors, warnings = problems(case.broken)
    found, rest = (errors, warnings) if case.severity == "error" else (warnings, errors)
    reported = [problem for problem in found if problem.message == case.said]
    assert [problem.path for problem in reported] == [case.path], (errors, warnings)
    assert reported[0].hint
    assert not rest


@pytest.mark.parametrize("name", CASES)
def test_what_keeps_the_rule_is_not_reported(name: str) -> None:
    case = CASES[name]
    errors, warnings = problems(case.kept)
    assert not errors
    rule = case.said.rpartition(", found ")[0].partition(", found ")[0]
    assert not [warning for warning in warnings if warning.message.startswith(rule)]


def test_every_rule_has_a_case() -> None:
    told = {(case.severity, case.path, case.said.partition(", found ")[0]) for case in CASES.values()}
    assert {(rule.severity, rule.path, rule.message) for rule in RULES} <= told


HINTS = {
    "expected 1 to 255 seconds under VRRPv2": "the protocol's own field has no more room; `1` is the default",
    "VRRPv2 carries whole seconds only": "use a whole number, or `keepalived.vrrpVersion: 3`",
    "VRRPv3 has no authentication, so these values do nothing": "remove them, or use `keepalived.vrrpVersion: 2`; "
    "a firewall rule for protocol 112 protects either",
    "the labels that the DaemonSet selects its pods by cannot be set here": "remove `app.kubernetes.io/name` "
    "and `app.kubernetes.io/instance`",
    "a node's own address is not among the peers, which would not listen to it": (
        "list the addresses of all nodes: each one skips its own"
    ),
    "the chart has a use of its own for this annotation": "remove `checksum/configmap` and `vipalived/warnings`",
    "a key `<<` is a merge to YAML and cannot be rendered as a key": (
        "remove it; an anchor is merged by `<<: *ANCHOR`, without quotes and above the other keys"
    ),
}


def test_every_hint_says_what_to_do() -> None:
    hints = {rule.message: rule.hint for rule in RULES}
    assert {message: hints[message] for message in HINTS} == HINTS
    assert not [hint for hint in hints.values() if not hint or hint.endswith(".")]


# A rule that reads an invalid value waits; one that does not is checked at once.
def test_a_rule_is_not_checked_on_values_that_are_themselves_invalid() -> None:
    errors, _ = problems(instance("advertInt: 0.5, virtualIpAddress: x", "vrrpVersion: 4"))
    assert [error.path for error in errors] == [
        "keepalived.vrrpVersion",
        f"{INSTANCE}.virtualIpAddress",
    ]


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("{podLabels: {app.kubernetes.io/name: a, b: 1}}", True),
        (
            "{nodes: {a: {priority: x}, b: {unicastSourceAddress: 1.1.1.1}, c: {unicastSourceAddress: 1.1.1.1}}}",
            True,
        ),
        (instance("unicastPeers: [198.18.0.1, 198.18.0.1, x]"), True),
        ("{keepalived: {garp: {masterRepeat: 0}, routerId: '!'}, hostNetwork: false}", False),
    ],
)
def test_what_waits_for_what(text: str, waits: bool) -> None:
    errors, _ = problems(text)
    assert len(errors) == (1 if waits else 2)
