"""The exception families and the exit code that each of them means."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PERMISSION = 4
    BUG = 70


class VipalivedError(Exception):
    """Base of every error that is meant for the operator.

    `message` says what was expected, what was found and where, without a trailing full stop;
    `hint`, when the fix is known, says what to do.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class CheckFailed(VipalivedError):
    """A check ran and its answer is no."""


class MissingRequirement(VipalivedError):
    """A program, library or kernel feature that the command needs is not there."""


class PermissionMissing(VipalivedError):
    """The kernel refuses what the command needs: a capability, a namespace, a socket."""

    exit_code = ExitCode.PERMISSION


class Problem(Struct, frozen=True, order=True):
    """One thing wrong with the settings.

    `path` is where, in the values file's own dotted form (`keepalived.vrrpInstance.priority`,
    `nodes.cp-1.priority`, `tolerations[0]`); empty for the file as a whole.
    """

    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidSettings(VipalivedError):
    """The settings cannot be used; `problems` has every reason found, not only the first."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
