"""What the command line asks a running agent: a line of JSON there, a line back, over its Unix socket."""

from __future__ import annotations

import errno
import json
import socket
from pathlib import Path
from typing import Any, Final

from vipalived.errors import PermissionMissing, VipalivedError

SOCKET: Final = "agent.sock"
"""Its name in the run directory."""
LONGEST: Final = 1 << 20
_PATIENCE: Final = 5.0


class NoAgent(VipalivedError):
    """Nobody listens on the socket."""


def ask(directory: Path, command: str, **arguments: Any) -> Any:
    """The agent's answer; raises NoAgent, PermissionMissing, or VipalivedError with what the agent says."""
    path = directory / SOCKET
    question = json.dumps({"command": command, **arguments}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(str(path))
            connection.sendall(question)
            line = _line(connection)
    except TimeoutError as error:
        raise VipalivedError(f"the agent at `{path}` does not answer within {_PATIENCE:g} s") from error
    except OSError as error:
        raise _failure(path, error) from error
    return _content(path, line)


def _line(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.readline(LONGEST)


def _failure(path: Path, error: OSError) -> VipalivedError:
    reason = error.strerror or str(error)
    if error.errno in {errno.EACCES, errno.EPERM}:
        return PermissionMissing(
            f"the agent at `{path}` may not be asked: {reason}", hint="run it as the agent's user, often root"
        )
    hint = (
        "where it runs elsewhere, name its directory by `--run-dir`; in a cluster:"
        " `kubectl -n NAMESPACE exec POD -- vipalived status`"
    )
    return NoAgent(f"no agent answers at `{path}`: {reason}", hint=hint)


def _content(path: Path, line: bytes) -> Any:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise VipalivedError(f"the agent at `{path}` broke off its answer") from error
    if "error" in answer:
        raise VipalivedError(f"the agent refuses: {answer['error']}")
    return answer["answer"]
