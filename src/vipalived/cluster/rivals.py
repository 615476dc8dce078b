"""Other releases in the cluster that keep the same VIP, or run the same virtual router.

Their ConfigMaps say so: keepalived.conf, of the published chart as well, or the agent's values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vipalived.errors import Problem
from vipalived.settings import Settings


@dataclass(frozen=True, slots=True)
class Release:
    """What the ConfigMap of a release of this chart says."""

    name: str
    namespace: str
    data: Mapping[str, str]


def problems(settings: Settings, own: str, releases: Iterable[Release]) -> Iterator[Problem]:
    """Warnings of those besides the release `own`, which is the one that the values are for."""
    vips = [text.partition("/")[0] for text in settings.vip_texts]
    for release in releases:
        if (release.name, release.namespace) == (own, settings.namespace):
            continue
        text = "\n".join(release.data.values())
        shared = [f"the VIP {vip}" for vip in vips if re.search(rf"(?m)(?:^|[\s'\"]){re.escape(vip)}/", text)]
        if re.search(rf"virtual_?router_?id:? +{settings.vrid}\b", text, re.IGNORECASE):
            shared.append(f"virtual router {settings.vrid}")
        belong = "belong" if len(shared) > 1 else "belongs"
        if shared:
            yield Problem(
                "keepalived.vrrpInstance",
                f"{' and '.join(shared)} {belong} to one release, found also {release.name} in {release.namespace}",
                "remove one of the two, or give it a VIP and a `virtualRouterId` of its own",
            )
