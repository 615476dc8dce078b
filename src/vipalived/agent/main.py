"""From the command line to the guard: what is done once, before there is an engine process."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vipalived.agent import log, process
from vipalived.agent.child import call
from vipalived.agent.estate import Estate
from vipalived.agent.guard import guard
from vipalived.agent.service import Sources, live
from vipalived.errors import MissingRequirement
from vipalived.vrrp.model import Standing


def run(sources: Sources) -> int:
    """Runs until SIGTERM has been obeyed; the exit code.

    Raises InvalidSettings for settings that cannot be used at the start, and PermissionMissing.
    """
    process.require_permissions()
    _make(sources.directory)
    plan = call(sources.read)
    log.to_stderr(plan.log_format, plan.log_level)
    if plan.endpoint is not None:
        import vipalived.agent.metrics  # noqa: F401 - the first scrape must not wait for it
    # Every engine process begins with what is loaded now, and shares the memory.
    process.settle()
    standing = Standing.HEALTHY if plan.health is None else Standing.UNPROVEN
    return guard(partial(live, sources), Estate(plan, standing))


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"`{directory}` cannot be made: {error.strerror}"
        raise MissingRequirement(reason, hint="name another directory with `--run-dir`") from error
