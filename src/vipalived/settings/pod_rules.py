"""The rules of the pod: its image, its probes, its labels, and where it is scheduled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

from vipalived.settings.distributions import CONTROL_PLANE, MARKED
from vipalived.settings.model import AgentImage, Image
from vipalived.settings.rights import Rights, excesses
from vipalived.settings.rule import Check, Facts, Rule, error, warning, when

RESERVED_LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/instance")
CHECKSUM_ANNOTATION = "checksum/configmap"
WARNINGS_ANNOTATION = "vipalived/warnings"
RESERVED_ANNOTATIONS = (CHECKSUM_ANNOTATION, WARNINGS_ANNOTATION)
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_TAGGED = re.compile(r":[^/]*$")


def _without_command(probe: str, facts: Facts) -> list[str]:
    given = facts.values[probe]
    return when(given["enabled"] and not given["exec"]["command"], "an empty list")


def _two_digests(group: str, facts: Facts) -> list[str]:
    image = facts.settings.image if group == "image" else facts.agent.image
    return when(image.digest and "@" in image.tag, image.digest)


def _reserved(keys: Iterable[str], name: str, facts: Facts) -> list[str]:
    return [key for key in keys if key in getattr(facts.settings, name)]


def _pinned(image: Image | AgentImage) -> bool:
    return bool(image.tag or image.digest)


def _other_registry(facts: Facts) -> list[str]:
    """The registry that an umbrella chart has for all of its parts, where the pod's image is of another one."""
    registry = facts.settings.global_.get("imageRegistry")
    if not isinstance(registry, str) or not registry:
        return []
    image = facts.agent.image if facts.runs_agent else facts.settings.image
    return when(not image.repository.startswith(f"{registry.removesuffix('/')}/"), registry)


def _merged_selector(facts: Facts) -> bool:
    selector = facts.settings.node_selector
    return not facts.settings.static and selector.get(CONTROL_PLANE) == MARKED and len(selector) > 1


def _rights(path: str) -> tuple[Rule, ...]:
    """What the container with this security context must be allowed, if it is the engine's."""
    agent = path.startswith("agent.")
    engine = "$runsAgent" if agent else "(not $runsAgent)"

    def of(look: Callable[[Rights], Iterable[str]]) -> Check:
        """Asked only where it is the engine's: the other one may be of any shape."""
        return lambda facts: look(facts.rights) if facts.runs_agent is agent else ()

    def unasked(rights: Rights) -> bool:
        return "NET_RAW" in rights.missing and "NET_RAW" not in rights.dropped

    return (
        error(
            path,
            "without NET_ADMIN nothing in a container can add an address",
            f"add `NET_ADMIN` to `{path}.capabilities.add`",
            of(lambda rights: when("NET_ADMIN" in rights.missing, "a container without it")),
            f'and {engine} (has "NET_ADMIN" $rights.missing)',
            reads=f"{path} engine",
        ),
        error(
            path,
            "without NET_RAW nothing in a container can send or hear advertisements",
            f"add `NET_RAW` to `{path}.capabilities.add`",
            of(lambda rights: when("NET_RAW" in rights.dropped, "NET_RAW is dropped")),
            f'and {engine} (has "NET_RAW" $rights.dropped)',
            reads=f"{path} engine",
        ),
        warning(
            path,
            "not every container runtime gives NET_RAW to a container that does not ask for it (CRI-O does not)",
            f"add `NET_RAW` to `{path}.capabilities.add`: without it nobody can send or hear advertisements",
            of(lambda rights: when(unasked(rights), "a container that does not")),
            f'and {engine} (has "NET_RAW" $rights.missing) (not (has "NET_RAW" $rights.dropped))',
            reads=f"{path} engine",
        ),
        error(
            path,
            "only root of a container has the capabilities that it is given",
            "leave `runAsUser` and `runAsNonRoot` out, here and in `podSecurityContext`",
            of(lambda rights: when(rights.stranger, rights.stranger)),
            f"and {engine} $rights.notRoot",
            reads=f"{path} podSecurityContext engine",
        ),
    )


POD_RULES: tuple[Rule, ...] = (
    *(
        error(
            f"{probe}.exec.command",
            "a probe that is enabled needs a command",
            f"set one, or `{probe}.enabled: false`",
            partial(_without_command, probe),
            f'has "{probe}" $facts.commandless',
            reads=probe,
        )
        for probe in PROBES
    ),
    error(
        "image.repository",
        "a repository has no tag in it",
        "put what follows the last `:` into `image.tag`",
        lambda f: when(_TAGGED.search(f.settings.image.repository), f.settings.image.repository),
        f"regexMatch `{_TAGGED.pattern}` $values.image.repository",
    ),
    error(
        "agent.image.repository",
        "a repository has no tag in it",
        "put what follows the last `:` into `agent.image.tag`",
        lambda f: when(_TAGGED.search(f.agent.image.repository), f.agent.image.repository),
        f"regexMatch `{_TAGGED.pattern}` $agent.image.repository",
    ),
    *(
        error(
            f"{group}.tag",
            "there is a digest in it, and one beside it",
            f"remove one: `{group}.digest` is for those without a tag",
            partial(_two_digests, group),
            f'and {image}.digest (contains "@" (default "" {image}.tag))',
            reads=group,
        )
        for group, image in (("image", "$values.image"), ("agent.image", "$agent.image"))
    ),
    warning(
        "image.repository",
        "an image of your own gets Alpine's version as its tag",
        "set `image.tag` or `image.digest`",
        lambda f: when(
            not f.runs_agent
            and f.settings.image.repository != Image().repository
            and not _pinned(f.settings.image),
            f.settings.image.repository,
        ),
        f'and (not $runsAgent) (ne $values.image.repository "{Image().repository}")'
        " (not (or $values.image.tag $values.image.digest))",
        reads="image engine",
    ),
    warning(
        "global.imageRegistry",
        "nothing here reads it, and the pods' image is of another registry",
        "set `image.repository`, and `agent.image.repository` for the agent, with the registry in front",
        _other_registry,
        'and (kindIs "string" $global.imageRegistry) $global.imageRegistry'
        ' (not (hasPrefix (printf "%s/" (trimSuffix "/" (toString $global.imageRegistry)))'
        ' (ternary $agent.image.repository $values.image.repository (ne $runsAgent ""))))',
        reads="global image agent.image engine",
    ),
    warning(
        "global.imagePullSecrets",
        "nothing here reads it, and the pods have no pull secret",
        "set `imagePullSecrets`",
        lambda f: when(
            f.settings.global_.get("imagePullSecrets")
            and not f.settings.static
            and not f.settings.image_pull_secrets,
            "a list",
        ),
        "and $global.imagePullSecrets (not $values.static) (not $values.imagePullSecrets)",
        reads="global imagePullSecrets static",
    ),
    warning(
        "nodeSelector",
        "Helm merges objects: the default selector is asked for beside yours, and a node must have all the labels",
        f"take it away by `{CONTROL_PLANE}: null`, unless you want both",
        lambda f: when(_merged_selector(f), ", ".join(f.settings.node_selector)),
        f'and (eq (default "" (get $selector "{CONTROL_PLANE}")) "{MARKED}") (gt (len $selector) 1)'
        " (not $values.static)",
        reads="nodeSelector static",
    ),
    *_rights("securityContext"),
    *_rights("agent.securityContext"),
    error(
        "resources",
        "Kubernetes refuses a request that is more than its limit",
        "raise `resources.limits`, or take it away by a null: Helm merges objects, so that the default limit stays"
        " above a request of your own",
        lambda f: excesses(f.settings.resources),
        "$rights.excess",
    ),
    warning(
        "imagePullSecrets",
        "kubelet refuses a static pod that names a secret, so none is rendered",
        "put the image onto the nodes, or give their container runtime the credentials",
        lambda f: when(f.settings.static and f.settings.image_pull_secrets, "a list"),
        "and $values.static $values.imagePullSecrets",
        reads="static imagePullSecrets",
    ),
    warning(
        "serviceAccount.name",
        "a static pod has no service account, so none is rendered",
        "remove it, or `static: true`",
        lambda f: when(
            f.settings.static and f.settings.service_account.name, f.settings.service_account.name
        ),
        "and $values.static $newer.serviceAccount.name",
        reads="static serviceAccount",
    ),
    warning(
        "terminationGracePeriodSeconds",
        "a pod that needs longer than this is killed before another node has taken the VIP over",
        "set what four advertisement intervals take and 2 s more; 22 is enough for all, and the default is 30",
        lambda f: when(
            f.settings.termination_grace_period_seconds < f.settings.time_to_leave,
            f"{f.settings.termination_grace_period_seconds} where it takes up to {f.settings.time_to_leave}",
        ),
        'lt (int $newer.terminationGracePeriodSeconds) (include "vipalived.timeToLeave" . | int)',
        reads="terminationGracePeriodSeconds engine .advertInt",
    ),
    *(
        error(
            path,
            "the labels that the DaemonSet selects its pods by cannot be set here",
            f"remove {' and '.join(f'`{label}`' for label in RESERVED_LABELS)}",
            partial(_reserved, RESERVED_LABELS, name),
            " ".join(["or", *(f'(hasKey {given} "{label}")' for label in RESERVED_LABELS)]),
        )
        for path, name, given in (
            ("podLabels", "pod_labels", "$podLabels"),
            ("commonLabels", "common_labels", "$newer.commonLabels"),
        )
    ),
    *(
        error(
            path,
            "the chart has a use of its own for this annotation",
            f"remove {' and '.join(f'`{key}`' for key in RESERVED_ANNOTATIONS)}",
            partial(_reserved, RESERVED_ANNOTATIONS, name),
            " ".join(["or", *(f'(hasKey {given} "{key}")' for key in RESERVED_ANNOTATIONS)]),
        )
        for path, name, given in (
            ("podAnnotations", "pod_annotations", "$podAnnotations"),
            ("commonAnnotations", "common_annotations", "$newer.commonAnnotations"),
        )
    ),
)
