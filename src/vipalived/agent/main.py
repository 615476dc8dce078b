"""From the command line to the running agent: what is done once, before there is a loop."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from pathlib import Path

from vipalived.agent import kept, log, process, signals
from vipalived.agent.child import Child
from vipalived.agent.plan import Plan
from vipalived.agent.service import Service, Sources
from vipalived.errors import ExitCode, MissingRequirement

_LOOK = 0.05
"""Seconds between two looks whether the agent is to end before it has read its settings."""


def run(sources: Sources) -> int:
    """Runs until SIGTERM has been obeyed; the exit code.

    Raises InvalidSettings for settings that cannot be used at the start, and PermissionMissing.
    """
    signals.note()
    plan = _read(sources)
    if plan is None:
        return ExitCode.OK
    process.require_permissions()
    _make(sources.directory)
    log.to_stderr(plan.log_format, plan.log_level)
    gc.enable()

    async def serve() -> None:
        await Service(sources, plan).serve()

    asyncio.run(serve())
    return ExitCode.OK


def _read(sources: Sources) -> Plan | None:
    """The settings; None when the agent is to end before."""
    child = Child(partial(kept.read, sources))
    while not signals.ending():
        if child.says(_LOOK) and child.read():
            return child.result()
    child.kill()
    return None


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"`{directory}` cannot be made: {error.strerror}"
        raise MissingRequirement(reason, hint="name another directory with `--run-dir`") from error
