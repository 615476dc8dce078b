"""What one engine process leaves to the next: the guard keeps the latest, and hands it on after a death."""

from __future__ import annotations

from dataclasses import dataclass

from vipalived.agent.plan import Plan
from vipalived.vrrp.model import Standing


@dataclass(frozen=True, slots=True)
class Estate:
    """`released_until` is on the engine's clock (inf: until told otherwise); `ledger` is the Ledger's own."""

    plan: Plan
    standing: Standing = Standing.UNPROVEN
    released_until: float | None = None
    restarts: int = 0
    ledger: object = None
