"""What Artifact Hub and readers are told of the chart, each said once: Chart.yaml's annotations, parts of the README.

Sources: the versions (`vipalived.release`), the default values, Chart.yaml itself, and the newest part of CHANGELOG.md.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from vipalived.release import APP_VERSION, CHART_NAME, CHART_VERSION
from vipalived.settings import Settings
from vipalived.settings.distributions import DISTRIBUTIONS

REPOSITORY = f"oci://ghcr.io/lexfrei/charts/{CHART_NAME}"
LINKS = {
    "Keepalived Official Documentation": "https://www.keepalived.org/",
    "VRRP RFC 5798": "https://datatracker.ietf.org/doc/html/rfc5798",
    "VRRP RFC 9568, which replaces it": "https://datatracker.ietf.org/doc/html/rfc9568",
    "Chart Repository": "https://github.com/lexfrei/charts/",
}


def chart_yaml(text: str, changelog: str) -> str:
    """Chart.yaml with the versions and annotations that it must have."""
    text = re.sub(r"(?m)^version: .*$", f"version: {CHART_VERSION}", text)
    text = re.sub(r"(?m)^appVersion: .*$", f'appVersion: "{APP_VERSION}"', text)
    kept = text.partition("annotations:\n")[0].rstrip()
    written = yaml.dump({"annotations": artifact_hub(changelog)}, Dumper=_Dumper, sort_keys=False, width=1000)
    return f"{kept}\n{written}"


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a literal block."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def artifact_hub(changelog: str) -> dict[str, str]:
    """Artifact Hub's annotations; a list is YAML inside a text."""
    settings = Settings()
    images = [
        {"name": "keepalived", "image": f"{settings.image.repository}:{APP_VERSION}"},
        {"name": "vipalived", "image": f"{settings.agent.image.repository}:{CHART_VERSION}"},
    ]
    links = [{"name": name, "url": url} for name, url in LINKS.items()]
    return {
        "artifacthub.io/category": "networking",
        "artifacthub.io/license": "BSD-3-Clause",
        "artifacthub.io/images": _list(images),
        "artifacthub.io/links": _list(links),
        "artifacthub.io/changes": _list(changes(changelog)),
    }


def _list(items: list[dict[str, str]]) -> str:
    return yaml.safe_dump(items, sort_keys=False, allow_unicode=True, width=1000)


def changes(changelog: str) -> list[dict[str, str]]:
    """The newest release's changes: what kind each is, and its text on one line."""
    newest = re.split(r"(?m)^## ", changelog)[1]
    found = []
    for part in re.split(r"(?m)^### ", newest)[1:]:
        kind, _, items = part.partition("\n")
        texts = (" ".join(item.split()) for item in re.split(r"(?m)^- ", items)[1:])
        found += [{"kind": kind.strip().lower(), "description": text} for text in texts]
    return found


def badges() -> str:
    """The versions, as helm-docs shows them."""
    shown = {"Version": CHART_VERSION, "Type": "application", "AppVersion": APP_VERSION}
    return (
        " ".join(
            f"![{name}: {value}](https://img.shields.io/badge/{name}-{value}-informational?style=flat-square)"
            for name, value in shown.items()
        )
        + "\n"
    )


def installation() -> str:
    """The commands that install this version."""
    return f"""\
```bash
# Install with default VIP (172.16.101.101/32)
helm install my-vipalived {REPOSITORY} --version {CHART_VERSION}

# Install with custom VIP address
helm install my-vipalived {REPOSITORY} \\
  --version {CHART_VERSION} \\
  --set keepalived.vrrpInstance.virtualIpAddress=192.168.1.100/24
```
"""


def distributions() -> str:
    """What each distribution changes."""
    head = "| `distribution` | value of the control plane label | taints tolerated besides |\n|---|---|---|\n"
    rows = (
        f"| `{name}` | `{one.label_value!r}` | {', '.join(map(_taint, one.tolerations))} |\n".replace(
            "'", '"'
        )
        for name, one in DISTRIBUTIONS.items()
    )
    return head + "".join(rows)


def _taint(toleration: dict[str, Any]) -> str:
    effect = toleration.get("effect")
    return f"`{toleration['key']}:{effect}`" if effect else f"`{toleration['key']}`"


def links(chart: str) -> str:
    """Links and maintainers, the latter from Chart.yaml."""
    rows = "".join(
        f"| {one['name']} | <{one['email']}> | {one.get('url', '')} |\n"
        for one in yaml.safe_load(chart)["maintainers"]
    )
    return (
        "\n".join(f"- [{name}]({url})" for name, url in LINKS.items())
        + f"\n\n## Maintainers\n\n| Name | Email | Url |\n| ---- | ------ | --- |\n{rows}"
    )
