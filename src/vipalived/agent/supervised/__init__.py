"""keepalived under supervision: it elects and holds, the agent tells it how healthy the node is and cleans up."""

from __future__ import annotations

from vipalived.agent.supervised.engine import Engine

__all__ = ["Engine"]
