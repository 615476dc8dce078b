"""What `agent.service` asks of an engine, whichever it is: `native.Engine` or `supervised.Engine`."""

from __future__ import annotations

import asyncio
from typing import Protocol

from vipalived.agent.plan import Plan
from vipalived.vrrp.model import Standing


class Engine(Protocol):
    """One virtual router on this node, from `start` until `ended` is set.

    It is told of the node's standing and of the operator's wishes, and tells the `Ledger` what happens.
    """

    plan: Plan
    ended: asyncio.Event

    def start(self, *, inherited: bool = False) -> None:
        """Take part; what a dead predecessor has left on the interface is adopted, or removed.

        `inherited`: one that was Master has left it there for this engine.
        """

    def stand(self, standing: Standing) -> None:
        """What the health check says of the node from now on; told before `start`, too."""

    def release(self) -> None:
        """Give the addresses away and stay out."""

    def rejoin(self) -> None:
        """Take part again."""

    def reconfigure(self, plan: Plan) -> None:
        """Change over to another plan of the same identity; a VIP that stays is not touched."""

    def shut_down(self, *, heir: bool = False) -> None:
        """Resign; `ended` is set once that is done.

        `heir`: an engine with a plan of the same role on this node takes up what it finds on the interface.
        """

    def abandon(self) -> None:
        """Let go of everything now, whoever may want it; sets `ended`."""

    def close(self) -> None:
        """Give every socket, file and process back."""
