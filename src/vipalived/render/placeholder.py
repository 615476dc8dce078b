"""An interface's name in place of `auto` in a rendered keepalived.conf; needs no settings: the agent has none."""

from __future__ import annotations

import re
from typing import Final

LINE: Final = r"^((@[^ ]+ )?[$]INTERFACE=|  interface )auto$"
"""Where `auto` stands, as an extended regular expression that sed and Python read alike."""

_TRACKED: Final = r"(?m)^(  track_interface \{\n(?:    \S+\n)*?)    %s\n"
_NONE_TRACKED: Final = "  track_interface {\n  }\n"


def on_interface(configuration: str, name: str) -> str:
    """keepalived.conf on this interface; if it is among those that are tracked, keepalived complains: not any more."""
    placed = re.sub(f"(?m){LINE}", rf"\g<1>{name}", configuration)
    return re.sub(_TRACKED % re.escape(name), r"\1", placed).replace(_NONE_TRACKED, "")
