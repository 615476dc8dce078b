"""The configuration examples that are documented: those of the 0.2.3 chart, and those of our chart's README."""

from __future__ import annotations

import re
from pathlib import Path

VIP = "keepalived.vrrpInstance.virtualIpAddress=192.168.1.100/24"
"""A VIP of one's own, as `--set` takes it: the default one is warned of."""
_README = Path(__file__).resolve().parent.parent / "charts" / "vipalived" / "README.md"
CONTRACT = {
    "0.2.3: basic": """\
keepalived:
  vrrpInstance:
    # REQUIRED: Set your Virtual IP address with CIDR notation
    virtualIpAddress: 192.168.1.100/24

    # Network interface to bind the VIP to
    interface: eth0

    # VRRP priority (higher = preferred master)
    priority: 100

    # Authentication password (max 8 characters)
    authentication:
      authPass: mySecret
""",
    "0.2.3: high priority": """\
keepalived:
  vrrpInstance:
    state: MASTER
    priority: 255
    nopreempt: false
    virtualIpAddress: 10.0.0.100/24
""",
    "0.2.3: gratuitous ARP": """\
keepalived:
  garp:
    masterDelay: 2
    masterRefresh: 5
    masterRepeat: 10
    masterRefreshRepeat: 2
""",
    "0.2.3: resources": """\
resources:
  limits:
    cpu: 200m
    memory: 128Mi
  requests:
    cpu: 100m
    memory: 64Mi
""",
    "0.2.3: tolerations": """\
tolerations:
  - key: node.kubernetes.io/custom-taint
    operator: Exists
    effect: NoSchedule
""",
}
"""By name: the text of a values file."""
OURS = {
    f"README: {heading}": text
    for heading, text in re.findall(
        r"^### ([^\n]+)\n(?:(?!^#).)*?^```yaml\n(.*?)^```$",
        _README.read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
}
EXAMPLES = CONTRACT | {name: text for name, text in OURS.items() if text not in CONTRACT.values()}
