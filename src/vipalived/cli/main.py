"""The `vipalived` command: its groups, and what an error looks like and exits with."""

from __future__ import annotations

import errno
import importlib
import os
import re
import sys
from collections.abc import Sequence

import click

from vipalived.errors import ExitCode, InvalidSettings, VipalivedError

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What a disk, or /dev/full, says to whom it has no room for."""

_FILE = re.compile(r"unexpected extra arguments? \(.*\.ya?ml")
"""click's words for a file that no option was put in front of."""

_COMMANDS = {
    "agent": "vipalived.cli.agent",
    "check": "vipalived.cli.values",
    "config": "vipalived.cli.values",
    "doctor": "vipalived.cli.doctor",
    "lab": "vipalived.cli.lab",
    "observe": "vipalived.cli.observe",
    "rejoin": "vipalived.cli.status",
    "release": "vipalived.cli.status",
    "schema": "vipalived.cli.values",
    "static-pod": "vipalived.cli.manifests",
    "status": "vipalived.cli.status",
    "template": "vipalived.cli.manifests",
    "values": "vipalived.cli.values",
}
"""Where each command is defined: imported when it is called, so that each starts with what it needs."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(
            importlib.import_module(_COMMANDS[cmd_name]), cmd_name.replace("-", "_")
        )
        return command


EPILOG = """
\b
Examples:
  vipalived check -f values.yaml
  sudo vipalived static-pod -f values.yaml --out /etc/kubernetes/manifests
  vipalived template -f values.yaml | kubectl apply -f -
  vipalived lab run -f values.yaml
  sudo vipalived doctor -f values.yaml
\b
Exit codes:
  0  all is well
  1  a check failed, or a program it needs is missing
  2  the values or the options cannot be used
  4  a permission is missing
"""


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vipalived", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep a virtual IP in front of a Kubernetes control plane.

    A values file is the one of the Helm chart. Results go to stdout, warnings and errors to stderr.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    if sys.stdout is None:
        _complain("standard output is closed, and results go there", None)
        return ExitCode.FAILED
    try:
        code = cli.main(
            args=None if arguments is None else list(arguments), prog_name="vipalived", standalone_mode=False
        )
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort: a bug must show where it is
        return _failed(error)
    return code if isinstance(code, int) else ExitCode.OK


def _failed(error: Exception | KeyboardInterrupt) -> int:
    """What the operator reads, and the exit code."""
    match error:
        case InvalidSettings():
            for problem in error.problems:
                _complain(str(problem), problem.hint)
            return error.exit_code
        case VipalivedError():
            _complain(error.message, error.hint)
            return error.exit_code
        case click.ClickException():
            error.show()
            if _FILE.search(error.format_message()):
                _hint("a values file is named by `-f`")
            return error.exit_code
        case click.Abort() | KeyboardInterrupt():
            click.echo("interrupted", err=True)
            return INTERRUPTED
        case BrokenPipeError():
            _discard_output()
            return ExitCode.FAILED
        case OSError() if error.errno in _FULL:
            _discard_output()
            _complain(f"the output cannot be written: {error.strerror}", None)
            return ExitCode.FAILED
        case _:
            return _bug(error)


def _bug(error: BaseException) -> int:
    """What nobody has foreseen, with its traceback."""
    import traceback

    traceback.print_exception(error)
    _complain("this is a bug in vipalived", "report the lines above, with the command and its values")
    return ExitCode.BUG


def _discard_output() -> None:
    """What is still in the buffer would be tried again, in vain, when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, hint: str | None) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        _hint(hint)


def _hint(hint: str) -> None:
    click.echo(f"{click.style('  hint:', fg='cyan')} {hint}", err=True)
