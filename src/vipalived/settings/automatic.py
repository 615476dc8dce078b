"""What `auto` stands for where the values alone decide it; the chart derives the same in its helpers."""

from __future__ import annotations

import hashlib
import re

from vipalived.interfaces import Interface


def virtual_router_id(namespace: str, release: str, vip: Interface) -> int:
    """A virtual router ID, 1 to 255, that stays the same for this namespace, Helm release and VIP.

    The chart's template language reads no hexadecimal number, so it is made of the decimal digits of a SHA-256.
    """
    text = f"{namespace}/{release}/{_canonical(vip)}"
    digits = re.sub("[a-f]", "", hashlib.sha256(text.encode()).hexdigest())
    return int(digits[:9]) % 255 + 1


def _canonical(vip: Interface) -> str:
    """One spelling for an address: IPv4 as it is, IPv6 as eight groups without leading zeros."""
    if vip.version == 4:
        return str(vip.ip)
    return ":".join(f"{int(group, 16):x}" for group in vip.ip.exploded.split(":"))
