"""`interface: auto` on this host: what it means now, and what it meant before.

While it runs the agent stays with the interface that it has. A choice that would be another one is told; it is made
at the next start.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from vipalived.agent.plan import Plan
from vipalived.interfaces import Choice
from vipalived.net.choice import automatic

LOOKING: Final = 60.0
"""Seconds between two looks whether it would be another one by now."""
_FILE: Final = "interface"


async def look(plan: Plan) -> Choice:
    """The interface for the plan's VIPs as things are on this host; raises Undecided."""
    vips = [vip for member in plan.members for vip in member.vips]
    # A host may have a great many routes, and the engine must not wait until all are read.
    return await asyncio.to_thread(automatic, vips)


def replaced(directory: Path, name: str) -> str | None:
    """The interface that was chosen last, if it was another one; keeps this one for the next time."""
    file = directory / _FILE
    try:
        before = file.read_text().strip()
    except OSError:
        before = ""
    if before != name:
        with suppress(OSError):
            file.write_text(f"{name}\n")
    return before if before not in {"", name} else None
