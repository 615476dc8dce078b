"""The rules of the pod: its image, its probes, its labels, and where it is scheduled."""

from __future__ import annotations

import re
from functools import partial

from vipalived.settings.distributions import CONTROL_PLANE, MARKED
from vipalived.settings.model import AgentImage, Image
from vipalived.settings.rule import Facts, Rule, error, warning, when

RESERVED_LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/instance")
CHECKSUM_ANNOTATION = "checksum/configmap"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_TAGGED = re.compile(r":[^/]*$")


def _without_command(probe: str, facts: Facts) -> list[str]:
    given = facts.values[probe]
    return when(given["enabled"] and not given["exec"]["command"], "an empty list")


def _two_digests(group: str, facts: Facts) -> list[str]:
    image = facts.settings.image if group == "image" else facts.agent.image
    return when(image.digest and "@" in image.tag, image.digest)


def _pinned(image: Image | AgentImage) -> bool:
    return bool(image.tag or image.digest)


def _merged_selector(facts: Facts) -> bool:
    selector = facts.settings.node_selector
    return not facts.settings.static and selector.get(CONTROL_PLANE) == MARKED and len(selector) > 1


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
        "nodeSelector",
        "Helm merges objects: the default selector is asked for beside yours, and a node must have all the labels",
        f"take it away by `{CONTROL_PLANE}: null`, unless you want both",
        lambda f: when(_merged_selector(f), ", ".join(f.settings.node_selector)),
        f'and (eq (default "" (get $selector "{CONTROL_PLANE}")) "{MARKED}") (gt (len $selector) 1)'
        " (not $values.static)",
        reads="nodeSelector static",
    ),
    warning(
        "resources",
        "Helm merges objects: the default limit stays above your request, and Kubernetes refuses a request beyond it",
        "set `resources.limits`, too, or take it away by a null",
        lambda f: f.merged_limits,
        "$facts.mergedLimits",
    ),
    warning(
        "imagePullSecrets",
        "kubelet refuses a static pod that names a secret, so none is rendered",
        "put the image onto the nodes, or give their container runtime the credentials",
        lambda f: when(f.settings.static and f.settings.image_pull_secrets, "a list"),
        "and $values.static $values.imagePullSecrets",
        reads="static imagePullSecrets",
    ),
    error(
        "podLabels",
        "the labels that the DaemonSet selects its pods by cannot be set here",
        f"remove {' and '.join(f'`{label}`' for label in RESERVED_LABELS)}",
        lambda f: [label for label in RESERVED_LABELS if label in f.settings.pod_labels],
        " ".join(["or", *(f'(hasKey $podLabels "{label}")' for label in RESERVED_LABELS)]),
    ),
    error(
        "podAnnotations",
        "this annotation is the one that rolls the pods when the configuration changes",
        f"remove `{CHECKSUM_ANNOTATION}`",
        lambda f: [key for key in f.settings.pod_annotations if key == CHECKSUM_ANNOTATION],
        f'hasKey $podAnnotations "{CHECKSUM_ANNOTATION}"',
    ),
)
