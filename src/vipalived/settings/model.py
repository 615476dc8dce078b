"""The typed model of every value: key, type, default, bounds and the sentence that describes it.

`values.yaml`, `values.schema.json` and the values table are generated from it (`vipalived.render.chart`).
Keys are the contract's camelCase; attributes are the same words in snake_case. Rules between fields
stand in `vipalived.settings.rules`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from vipalived.interfaces import AUTO
from vipalived.settings.addresses import (
    ADDRESS_PATTERN,
    HOST_PATTERN,
    LISTEN_PATTERN,
    VIP_PATTERN,
    Interface,
    parse_address,
    parse_vip,
    virtual_link_local,
)
from vipalived.settings.automatic import virtual_router_id
from vipalived.settings.distributions import CONTROL_PLANE, MARKED, exists
from vipalived.vrrp.timers import PARTING, Version

EXAMPLE_VIP = "172.16.101.101/32"
"""The contract's default: something must stand there."""
State = Literal["MASTER", "BACKUP"]

DNS_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
DNS_SUBDOMAIN = rf"{DNS_LABEL}(?:\.{DNS_LABEL})*"
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

_LABEL = rf"^{DNS_LABEL}$"
_LABEL_OR_EMPTY = rf"^(?:{DNS_LABEL})?$"
_SUBDOMAIN = rf"^{DNS_SUBDOMAIN}$"
_SUBDOMAIN_OR_EMPTY = rf"^(?:{DNS_SUBDOMAIN})?$"
_LABEL_KEY = rf"^(?:{DNS_SUBDOMAIN}/)?{_NAME}$"
_LABEL_VALUE = rf"^(?:{_NAME})?$"
_INTERFACE = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$"
QUANTITY = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$"
_WORD = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$"
REPOSITORY_PATTERN = r"^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?[a-z0-9][a-z0-9._:/-]{0,254}$"
_DIGEST = r"sha256:[0-9a-f]{64}"
_DIGEST_OR_EMPTY = rf"^(?:{_DIGEST})?$"
_TAG = rf"^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}(?:@{_DIGEST})?)?$"
_SECONDS = r"^[0-9]{1,3}(?:\.[0-9]{1,2})?$"
_PORT = r"(?:[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]|[1-9][0-9]{0,3})"
_URL = rf"^https://{HOST_PATTERN}(?::{_PORT})?/[A-Za-z0-9/_.?=&%-]*$"
_PATH_OR_EMPTY = r"^(?:/[A-Za-z0-9/_.@-]+)?$"
ADDRESS_OR_EMPTY = rf"^(?:{ADDRESS_PATTERN[1:-1]})?$"
_DURATION = r"^[1-9][0-9]{0,5}(?:ms|s|m|h)$"

RELEASE = "vipalived"
"""The Helm release that is meant where nobody names one."""
NODE_NAME_LENGTH = 253

PATTERN_WORDS = {
    ADDRESS_PATTERN: "an IPv4 or IPv6 unicast address",
    LISTEN_PATTERN: "an IPv4 or IPv6 address to listen on, such as `127.0.0.1`",
    VIP_PATTERN: "a unicast address with its prefix, such as `192.168.1.100/24` or `2001:db8::100/64`",
    ADDRESS_OR_EMPTY: "an IPv4 or IPv6 unicast address",
    _DIGEST_OR_EMPTY: "a digest: `sha256:` and 64 hexadecimal digits",
    _DURATION: "a duration such as `30s` or `1m`",
    _INTERFACE: "an interface name: up to 15 letters, digits or `_.-`",
    _LABEL: "a name of lower-case letters, digits and `-`",
    _LABEL_KEY: "a Kubernetes label key",
    _LABEL_OR_EMPTY: "a name of lower-case letters, digits and `-`",
    _LABEL_VALUE: "a Kubernetes label value: up to 63 letters, digits or `-_.`",
    _PATH_OR_EMPTY: "an absolute path",
    _SECONDS: "a number",
    QUANTITY: "a quantity such as `100m`, `0.5` or `64Mi`",
    _URL: "a URL such as `https://127.0.0.1:6443/readyz`",
    REPOSITORY_PATTERN: "an image repository in lower case, such as `registry.example/keepalived`",
    _SUBDOMAIN: "a node name: lower-case letters, digits, `-` and `.`",
    _SUBDOMAIN_OR_EMPTY: "a name of lower-case letters, digits, `-` and `.`",
    _TAG: "an image tag",
    _WORD: "a word: up to 64 letters, digits or `_.:-`",
}
"""What each pattern asks for, in words."""


def _whole(value: object) -> object:
    """JSON has one number type: 100.0 is the integer 100, for Helm too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _seconds(value: object) -> object:
    """Helm's `--set` hands 0.5 over as text, so a decimal text is a number here."""
    return float(value) if isinstance(value, str) and re.fullmatch(_SECONDS, value) else value


def _or_auto(words: str, schema: dict[str, Any]) -> tuple[WrapValidator, WithJsonSchema]:
    """One complaint instead of one for each alternative."""
    told = {"words": f"{words}, or `auto`"}

    def validated(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError as error:
            raise PydanticCustomError("or_auto", "{words}", told) from error

    return WrapValidator(validated), WithJsonSchema({"anyOf": [schema, {"const": AUTO}]})


def _number_or_auto(least: int, most: int) -> tuple[WrapValidator, WithJsonSchema]:
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return _or_auto(f"a whole number from {least} to {most}", schema)


Address = Annotated[str, Field(pattern=ADDRESS_PATTERN)]


class _OneOrEach:
    """An address, or a list with one for each family: not a union, so that each has its own complaint."""

    def __init__(self, pattern: str) -> None:
        strict = ConfigDict(strict=True)
        self._one = TypeAdapter[str](Annotated[str, Field(pattern=pattern)], config=strict)
        self._each = TypeAdapter[list[str]](
            Annotated[list[Address], Field(min_length=1, max_length=2)], config=strict
        )
        self.schema = {"anyOf": [self._one.json_schema(), self._each.json_schema()]}

    def validate(self, value: object) -> str | list[str]:
        return (self._each if isinstance(value, list) else self._one).validate_python(value)


Whole = Annotated[int, BeforeValidator(_whole)]
OneByte = Annotated[int, Field(ge=1, le=255), BeforeValidator(_whole)]
VirtualRouterId = Annotated[OneByte | Literal["auto"], *_number_or_auto(1, 255)]
MinReadySeconds = Annotated[
    Annotated[Whole, Field(ge=0, le=86400)] | Literal["auto"], *_number_or_auto(0, 86400)
]
Switch = Annotated[bool | Literal["auto"], *_or_auto("true or false", {"type": "boolean"})]
Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(allow_inf_nan=False),
    PlainSerializer(_whole),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": _SECONDS}]}),
]
InterfaceName = Annotated[str, Field(pattern=_INTERFACE)]
_own, _own_or_empty = _OneOrEach(ADDRESS_PATTERN), _OneOrEach(ADDRESS_OR_EMPTY)
SourceAddress = Annotated[str | list[str], PlainValidator(_own.validate), WithJsonSchema(_own.schema)]
SourceAddressOrEmpty = Annotated[
    str | list[str], PlainValidator(_own_or_empty.validate), WithJsonSchema(_own_or_empty.schema)
]
Vip = Annotated[str, Field(pattern=VIP_PATTERN)]
Word = Annotated[str, Field(pattern=_WORD)]
NameOverride = Annotated[str, Field(pattern=_LABEL_OR_EMPTY)]
NodeName = Annotated[str, Field(pattern=_SUBDOMAIN, max_length=NODE_NAME_LENGTH)]
LabelKey = Annotated[str, Field(pattern=_LABEL_KEY)]
LabelValue = Annotated[str, Field(pattern=_LABEL_VALUE)]
Labels = dict[LabelKey, LabelValue]
KubernetesObject = dict[str, Any]
"""Handed on to Kubernetes as it is, which validates it."""


NEWER = (
    "enabled",
    "engine",
    "native",
    "agent",
    "healthCheck",
    "lookupNodes",
    "podMonitor",
    "prometheusRule",
    "grafanaDashboard",
    "minReadySeconds",
    "helmTest",
    "commonLabels",
    "commonAnnotations",
    "serviceAccount",
    "terminationGracePeriodSeconds",
)
"""Groups and values without which the charts up to 0.2.3 came, and whose defaults mean what those charts did.

What is missing in them has its default, which the chart itself lays below (`vipalived.newer`): Helm's
`--reuse-values` does not.
"""


class Model(BaseModel):
    """What all groups of values share: camelCase keys, no coercion, no unknown key, no change afterwards."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


def may_be_absent(field: FieldInfo) -> bool:
    """Whether a value can be missing, which then means empty.

    Values are missing where a null took them away, and where Helm's `--reuse-values` brings the values of a
    release that an older chart made. Lists and objects can be missing, what is empty by default, a
    probe, as all of them are disabled by default, and what is NEWER, which then has its default.
    """
    default = field.get_default(call_default_factory=True)
    if field.alias in NEWER:
        return True
    if isinstance(default, list | dict):
        return not any(getattr(constraint, "min_length", 0) for constraint in field.metadata)
    return not getattr(default, "enabled", default)


class Image(Model):
    """The container image."""

    repository: str = Field("alpine", pattern=REPOSITORY_PATTERN)
    """Container image repository"""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """Image pull policy"""
    tag: str = Field("", pattern=_TAG)
    """Container image tag (defaults to chart appVersion if not set)"""
    digest: str = Field("", pattern=_DIGEST_OR_EMPTY)
    """Container image digest (`sha256:...`); without a tag of your own it stands alone"""


class Garp(Model):
    """Gratuitous ARP, and unsolicited neighbour advertisements for IPv6 VIPs."""

    master_delay: Whole = Field(5, ge=0, le=4294)
    """Delay for gratuitous ARP after master transition, in seconds; 0 sends no second batch"""
    master_refresh: Whole = Field(10, ge=0, le=86400)
    """Interval for gratuitous ARP refresh on master, in seconds; 0 never refreshes"""
    master_repeat: Whole = Field(5, ge=0, le=255)
    """Number of gratuitous ARP packets to send at master transition"""
    master_refresh_repeat: Whole = Field(1, ge=0, le=255)
    """Number of gratuitous ARP packets to send at refresh"""


class Authentication(Model):
    """VRRPv2 authentication."""

    auth_type: Literal["PASS", "AH"] = "PASS"
    """Authentication type (PASS or AH); VRRPv2 only, VRRPv3 has no authentication"""
    auth_pass: str = Field("k8s_vip", max_length=8)
    """Authentication password (max 8 characters for PASS); empty for none; VRRPv2 only"""


class VrrpInstance(Model):
    """The virtual router."""

    name: Word = "VI_CONTROL_PLANE"
    """VRRP instance name"""
    state: State = "BACKUP"
    """Initial VRRP state (MASTER or BACKUP)"""
    interface: InterfaceName = "eth0"
    """Network interface to use for VRRP; `auto`: the one whose subnet holds the VIP, else the default route's"""
    track_interface: list[InterfaceName] = Field([])
    """Further network interfaces whose failure makes the node give the VIP away"""
    priority: OneByte = 100
    """VRRP priority (higher values are preferred)"""
    virtual_router_id: VirtualRouterId = 51
    """Virtual router ID (must be unique in the network); `auto`: derived from namespace, release and VIP"""
    advert_int: Seconds = 1
    """Advertisement interval in seconds; hundredths (0.01 to 40.95) under VRRPv3, whole seconds under VRRPv2"""
    nopreempt: bool = True
    """Enable non-preemptive mode"""
    preempt_delay: Whole = Field(0, ge=0, le=1000)
    """Seconds that a better node waits before it takes the VIP from a healthy holder, with `nopreempt: false`"""
    start_delay: Seconds = 0
    """Seconds beyond the usual that a starting node which hears nobody waits, for switch ports that open late"""
    authentication: Authentication = Authentication()
    virtual_ip_address: Vip = EXAMPLE_VIP
    """Virtual IP address with CIDR notation, IPv4 or IPv6"""
    virtual_ip_addresses: list[Vip] = Field([])
    """Further virtual IP addresses with CIDR notation; both address families stay on one node"""
    unicast_source_address: SourceAddressOrEmpty = ""
    """A node's own address for unicast, or one for each family (by default what it has among `unicastPeers`)"""
    unicast_peers: list[Address] = Field([])
    """Addresses of the control plane nodes, for networks without multicast; a node skips its own"""


class Keepalived(Model):
    """keepalived and VRRP."""

    router_id: Word = "vipalived"
    """Router identifier for keepalived"""
    vrrp_version: Annotated[Version, BeforeValidator(_whole)] = 3
    """VRRP protocol version (2 or 3)"""
    garp: Garp = Garp()
    vrrp_instance: VrrpInstance = VrrpInstance()


class Native(Model):
    """What the native engine does otherwise than the letter of the RFC has it; `false` keeps to the letter."""

    hitless_resignation: bool = True
    """Answer for the VIP until the successor does, instead of letting go of it first"""
    prompt_succession: bool = True
    """After a resignation wait Skew_Time over at most 50 ms, instead of over a whole advertisement interval"""
    claim_before_own: bool = True
    """Advertise and listen for a better claim for 12 ms before taking the VIP"""
    parting_advert: bool = True
    """Advertise once more on giving way to a better router, so that it repeats its gratuitous ARP"""
    paced_garp: bool = True
    """Spread `garp.masterRepeat` over a second, instead of sending it as one burst"""
    last_resort: bool = True
    """Take part with priority 1 while unhealthy, instead of not at all"""
    incumbent_stays: bool = True
    """Under `nopreempt` let a node that was deaf at its start give the VIP back to who has had it all along"""
    kernel_lease: bool = True
    """Give the VIP a lifetime, so that the kernel takes it from a dead or frozen engine"""
    checksum_pseudo_header: bool = True
    """Send the VRRPv3 checksum over IPv4 with the pseudo-header, as keepalived and FRR expect (RFC 9568: without)"""


class AgentImage(Model):
    """The container image of the agent, with both engines in it."""

    repository: str = Field("ghcr.io/lexfrei/vipalived", pattern=REPOSITORY_PATTERN)
    """Container image repository of the agent"""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """Image pull policy of the agent"""
    tag: str = Field("", pattern=_TAG)
    """Container image tag of the agent (defaults to the chart's version if not set)"""
    digest: str = Field("", pattern=_DIGEST_OR_EMPTY)
    """Container image digest of the agent (`sha256:...`); without a tag of your own it stands alone"""


class Endpoint(Model):
    """Where the agent answers `/livez`, `/readyz` and `/metrics`."""

    address: str = Field("127.0.0.1", pattern=LISTEN_PATTERN)
    """Address of the agent's HTTP endpoint; `0.0.0.0` or `::` serves the metrics to the whole network"""
    port: Whole = Field(9951, ge=0, le=65535)
    """Port of the agent's HTTP endpoint; 0 switches it off, and the pod's probes with it"""


class Agent(Model):
    """`vipalived agent`, which runs the native engine: status, metrics, and what it asks before it acts."""

    image: AgentImage = AgentImage()
    endpoint: Endpoint = Endpoint()
    ask_first: bool = True
    """Before the first claim ask whether another host has the VIP, and hold the claim back while one has"""
    log_format: Literal["text", "json"] = "text"
    """Form of the agent's log lines"""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log lines that the agent writes"""
    security_context: KubernetesObject = Field(
        {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    )
    """Security context for the agent's container, in place of `securityContext`"""


class HealthCheck(Model):
    """Whether the node's own API server serves."""

    enabled: Switch = AUTO
    """Watch the local API server, and give the VIP away when it does not serve; `auto`: with `engine: native` only"""
    url: str = Field("https://127.0.0.1:6443/readyz", pattern=_URL)
    """What is asked, on the node itself and never through the VIP"""
    interval: Seconds = 0.5
    """Seconds between two questions (0.05 to 60); keepalived has whole ones"""
    timeout: Seconds = 1
    """Seconds after which a question has failed (0.05 to 60); keepalived has whole ones"""
    fall: Whole = Field(3, ge=1, le=100)
    """Failures in a row before the node is unhealthy"""
    rise: Whole = Field(2, ge=1, le=100)
    """Successes in a row before the node is healthy again"""
    ca_file: str = Field("", pattern=_PATH_OR_EMPTY)
    """Certificate authority of the API server, a file on the node (not verified if empty: it is the node itself)"""
    client_cert_file: str = Field("", pattern=_PATH_OR_EMPTY)
    """Client certificate, a file on the node"""
    client_key_file: str = Field("", pattern=_PATH_OR_EMPTY)
    """Key of the client certificate, a file on the node"""
    token_file: str = Field("", pattern=_PATH_OR_EMPTY)
    """Bearer token, a file on the node"""


class NodeOverride(Model):
    """What one node does differently; `None` keeps the value for all nodes."""

    state: State | None = None
    interface: InterfaceName | None = None
    priority: OneByte | None = None
    unicast_source_address: SourceAddress | None = None


class UpdateStrategy(Model):
    """How a DaemonSet replaces its pods."""

    type: Literal["RollingUpdate", "OnDelete"] = "RollingUpdate"
    """Update strategy type"""
    max_unavailable: Whole = Field(1, ge=1, le=5000)
    """Maximum number of unavailable pods during update"""


class Exec(Model):
    """A command run in the container."""

    command: list[str] = ["pidof", "keepalived"]
    """Command of the probe"""


class StartupProbe(Model):
    """Holds the other probes back until keepalived runs."""

    enabled: bool = False
    """Enable the startup probe"""
    exec: Exec = Exec()
    period_seconds: Whole = Field(2, ge=1, le=86400)
    """Seconds between two startup probes"""
    timeout_seconds: Whole = Field(5, ge=1, le=86400)
    """Seconds after which a startup probe has failed"""
    failure_threshold: Whole = Field(60, ge=1, le=86400)
    """Failed startup probes in a row before the container is restarted"""


class LivenessProbe(Model):
    """Restarts the container when it fails."""

    enabled: bool = False
    """Enable the liveness probe"""
    exec: Exec = Exec()
    initial_delay_seconds: Whole = Field(10, ge=0, le=86400)
    """Seconds before the first liveness probe"""
    period_seconds: Whole = Field(10, ge=1, le=86400)
    """Seconds between two liveness probes"""
    timeout_seconds: Whole = Field(5, ge=1, le=86400)
    """Seconds after which a liveness probe has failed"""
    failure_threshold: Whole = Field(3, ge=1, le=86400)
    """Failed liveness probes in a row before the container is restarted"""


class ReadinessProbe(Model):
    """Reports the pod as ready."""

    enabled: bool = False
    """Enable the readiness probe"""
    exec: Exec = Exec()
    period_seconds: Whole = Field(10, ge=1, le=86400)
    """Seconds between two readiness probes"""
    timeout_seconds: Whole = Field(5, ge=1, le=86400)
    """Seconds after which a readiness probe has failed"""
    failure_threshold: Whole = Field(3, ge=1, le=86400)
    """Failed readiness probes in a row before the pod counts as not ready"""
    success_threshold: Whole = Field(1, ge=1, le=86400)
    """Successful readiness probes in a row before the pod counts as ready"""


class PodMonitor(Model):
    """What the Prometheus Operator scrapes the agents by; of the DaemonSet only."""

    enabled: bool = False
    """Create a PodMonitor for the Prometheus Operator; needs the agent, with `agent.endpoint` within its reach"""
    interval: str = Field("30s", pattern=_DURATION)
    """Interval between two scrapes"""
    labels: Labels = Field({})
    """Additional labels of the PodMonitor, which the Prometheus object may select by"""


class PrometheusRule(Model):
    """Alerts on the agent's metrics; of the DaemonSet only."""

    enabled: bool = False
    """Create a PrometheusRule for the Prometheus Operator; needs the agent"""
    labels: Labels = Field({})
    """Additional labels of the PrometheusRule, which the Prometheus object may select by"""


class GrafanaDashboard(Model):
    """The agent's metrics as a dashboard; of the DaemonSet only."""

    enabled: bool = False
    """Create a ConfigMap with the dashboard, labelled for Grafana's sidecar: `grafana_dashboard: "1"`"""


class HelmTest(Model):
    """The pod of `helm test`; of the DaemonSet only."""

    image: str = ""
    """Image of the pod of `helm test`, whole; empty: the image of the chart's pods"""
    command: list[str] = Field([])
    """Command of that pod, which has the address to ask in `URL`; empty: asks it for its `/livez`"""


class ServiceAccount(Model):
    """The service account of the DaemonSet's pods."""

    name: str = Field("", pattern=_SUBDOMAIN_OR_EMPTY)
    """Service account of the pods, which must exist; empty: the namespace's default one"""


class Settings(Model):
    """Everything a values file can say."""

    enabled: bool = True
    """Does nothing by itself: for the `condition` under which another chart depends on this one"""
    name_override: NameOverride = ""
    """Override the name of the chart"""
    fullname_override: NameOverride = ""
    """Override the full name of the chart"""
    namespace: str = Field("kube-system", pattern=_LABEL)
    """Namespace to deploy vipalived into"""
    image: Image = Image()
    image_pull_secrets: list[KubernetesObject] = Field([])
    """Image pull secrets for private registries"""
    engine: Literal["keepalived", "native"] = "keepalived"
    """VRRP engine: `keepalived`, or `native`, which hands over without loss"""
    keepalived: Keepalived = Keepalived()
    native: Native = Native()
    agent: Agent = Agent()
    health_check: HealthCheck = HealthCheck()
    nodes: dict[NodeName, NodeOverride] = Field(
        {}, json_schema_extra={"propertyNames": {"maxLength": NODE_NAME_LENGTH}}
    )
    """Per-node overrides by node name: `state`, `interface`, `priority`, `unicastSourceAddress`"""
    static: bool = False
    """Render a static pod (Day 1) with the configuration inline, in place of the DaemonSet (Day 2)"""
    static_node_selector: Labels = Field({})
    """Node selector of the static pod; kubelet knows its own os, arch and hostname labels only"""
    static_affinity: KubernetesObject = Field({})
    """Affinity rules of the static pod"""
    static_tolerations: list[KubernetesObject] = Field([])
    """Tolerations of the static pod"""
    update_strategy: UpdateStrategy = UpdateStrategy()
    min_ready_seconds: MinReadySeconds = "auto"
    """Seconds that a new pod must be ready before the next is replaced; `auto`: Master_Down_Interval and more"""
    host_network: bool = True
    """Enable host network mode (required for VIP functionality)"""
    automount_service_account_token: bool = False
    """Mount a service account token into the pod; nothing in it needs one"""
    service_account: ServiceAccount = ServiceAccount()
    termination_grace_period_seconds: Whole = Field(30, ge=1, le=3600)
    """Seconds that a pod has for handing the VIP over before it is killed; 30 is Kubernetes' own default"""
    priority_class_name: str = Field("system-node-critical", pattern=_SUBDOMAIN_OR_EMPTY)
    """Priority class name for pod scheduling"""
    distribution: Literal["", "kubeadm", "k3s", "rke2"] = ""
    """Kubernetes distribution, whose control plane label and taints are added to `nodeSelector` and `tolerations`"""
    node_selector: Labels = Field({CONTROL_PLANE: MARKED})
    """Node selector for pod assignment"""
    tolerations: list[KubernetesObject] = Field(
        [
            exists("CriticalAddonsOnly"),
            exists("node.kubernetes.io/not-ready", "NoExecute"),
            exists("node.kubernetes.io/unreachable", "NoExecute"),
            exists("node.kubernetes.io/disk-pressure", "NoSchedule"),
            exists("node.kubernetes.io/memory-pressure", "NoSchedule"),
            exists("node.kubernetes.io/pid-pressure", "NoSchedule"),
            exists("node.kubernetes.io/unschedulable", "NoSchedule"),
            exists("node.kubernetes.io/network-unavailable", "NoSchedule"),
        ]
    )
    """Tolerations for pod assignment"""
    affinity: KubernetesObject = Field({})
    """Affinity rules for pod assignment"""
    pod_security_context: KubernetesObject = Field({})
    """Security context for the pod"""
    security_context: KubernetesObject = Field(
        {"capabilities": {"add": ["NET_ADMIN", "NET_RAW", "NET_BROADCAST"]}}
    )
    """Security context for the container"""
    resources: KubernetesObject = Field(
        {"limits": {"cpu": "100m", "memory": "64Mi"}, "requests": {"cpu": "50m", "memory": "32Mi"}}
    )
    """Resource requests and limits"""
    startup_probe: StartupProbe = StartupProbe()
    liveness_probe: LivenessProbe = LivenessProbe()
    readiness_probe: ReadinessProbe = ReadinessProbe()
    lookup_nodes: bool = True
    """Let Helm ask for nodes and ConfigMaps, and warn where no pod can run, or another release has the VIP"""
    pod_monitor: PodMonitor = PodMonitor()
    prometheus_rule: PrometheusRule = PrometheusRule()
    grafana_dashboard: GrafanaDashboard = GrafanaDashboard()
    helm_test: HelmTest = HelmTest()
    common_labels: Labels = Field({})
    """Additional labels for every object and every pod"""
    common_annotations: dict[LabelKey, str] = Field({})
    """Annotations for every object and every pod"""
    pod_labels: Labels = Field({})
    """Additional labels for pods"""
    pod_annotations: dict[LabelKey, str] = Field({})
    """Annotations for pods"""
    global_: KubernetesObject = Field({}, alias="global")
    """Helm's own, for charts that have this one as a dependency; not used"""

    def node(self, name: str = "") -> Node:
        """What the node called `name` runs with; an unknown name gets the values for all nodes."""
        instance, override = self.keepalived.vrrp_instance, self.nodes.get(name, NodeOverride())
        priority = override.priority or instance.priority
        owner = priority == 255
        state = override.state or instance.state
        # keepalived clears what follows by itself, with a complaint: a MASTER that is not the address
        # owner cannot run under AH, and neither a MASTER nor the owner lets a worse one be.
        if self.uses_ah and not owner:
            state = "BACKUP"
        waits = state == "BACKUP" and not owner
        return Node(
            name=name,
            state=state,
            interface=override.interface or instance.interface,
            priority=priority,
            nopreempt=instance.nopreempt and waits,
            preempt_delay=instance.preempt_delay if waits and not instance.nopreempt else 0,
            sources=addresses_of(override.unicast_source_address or instance.unicast_source_address),
        )

    def node_name(self, host: str) -> str:
        """What a host of this name is called in the values: as kubelet has it in lower case, or by its first label."""
        name = host.lower()
        label = name.partition(".")[0]
        return label if name not in self.nodes and label in self.nodes else name

    def of_release(self, name: str) -> Settings:
        """The settings with the virtual router ID that `auto` means for the Helm release of that name."""
        instance = self.keepalived.vrrp_instance
        if instance.virtual_router_id != AUTO:
            return self
        number = virtual_router_id(self.namespace, name, self.vips[0])
        instance = instance.model_copy(update={"virtual_router_id": number})
        return self.model_copy(
            update={"keepalived": self.keepalived.model_copy(update={"vrrp_instance": instance})}
        )

    @property
    def vrid(self) -> int:
        """The virtual router ID; where it is `auto` that of the default release, see `of_release`."""
        number = self.of_release(RELEASE).keepalived.vrrp_instance.virtual_router_id
        assert number != AUTO  # noqa: S101 - `of_release` has seen to that
        return number

    @property
    def min_ready(self) -> int:
        """Seconds that a pod must be ready for, before the next one is replaced.

        A pod that hears nobody is Master after less than four advertisement intervals, so that of the old and the new
        pods some are always there, even where the two do not understand each other.
        """
        if self.min_ready_seconds != AUTO:
            return self.min_ready_seconds
        return math.ceil(4 * self.keepalived.vrrp_instance.advert_int) + 2

    @property
    def time_to_leave(self) -> int:
        """Seconds that a pod needs at its end: an agent waits for a successor, keepalived leaves after a second."""
        if not self.runs_agent:
            return 2
        return min(math.ceil(PARTING), math.ceil(4 * self.keepalived.vrrp_instance.advert_int)) + 2

    @property
    def runs_agent(self) -> bool:
        """Whether the pod's container is the agent."""
        return self.engine == "native"

    @property
    def runs_script(self) -> bool:
        """Whether keepalived itself asks the API server, by a `vrrp_script`."""
        return self.health_check.enabled is True and not self.runs_agent

    @property
    def uses_ah(self) -> bool:
        """Whether advertisements carry an authentication header."""
        instance = self.keepalived.vrrp_instance
        return self.keepalived.vrrp_version == 2 and instance.authentication.auth_type == "AH"

    @property
    def vip_texts(self) -> tuple[str, ...]:
        """Every VIP with its prefix, as written and in the order of the values."""
        instance = self.keepalived.vrrp_instance
        return (instance.virtual_ip_address, *instance.virtual_ip_addresses)

    @property
    def vips(self) -> tuple[Interface, ...]:
        """Every VIP with its prefix, in the order of the values."""
        return tuple(map(parse_vip, self.vip_texts))

    def virtual_routers(self) -> tuple[VirtualRouter, ...]:
        """One virtual router for each address family of the VIPs, the first VIP's family first."""
        instance = self.keepalived.vrrp_instance
        families = list(dict.fromkeys(vip.version for vip in self.vips))
        routers = []
        for index, family in enumerate(families):
            written = [text for text in self.vip_texts if parse_vip(text).version == family]
            if family == 6 and not parse_vip(written[0]).is_link_local:
                written.insert(0, str(virtual_link_local(self.vrid)))
            name = instance.name if index == 0 else f"{instance.name}_V{family}"
            routers.append(VirtualRouter(name, family, tuple(written)))
        return tuple(routers)


def addresses_of(source: str | list[str] | None) -> tuple[str, ...]:
    """The addresses of a `unicastSourceAddress`, which may be none, one or one for each family."""
    return tuple(source) if isinstance(source, list) else (source,) if source else ()


@dataclass(frozen=True, slots=True)
class Node:
    """The effective values of one node."""

    name: str
    state: State
    interface: str
    priority: int
    nopreempt: bool
    preempt_delay: int
    sources: tuple[str, ...] = ()

    def source(self, family: int) -> str:
        """The address of that family that the values have this node speak from; empty where they have none."""
        return next((text for text in self.sources if parse_address(text).version == family), "")


@dataclass(frozen=True, slots=True)
class VirtualRouter:
    """One VRRP instance: its name, its address family (4 or 6) and its VIPs as written, each with its prefix."""

    name: str
    family: int
    written: tuple[str, ...]

    @property
    def addresses(self) -> tuple[Interface, ...]:
        """The VIPs with their prefixes."""
        return tuple(map(parse_vip, self.written))
