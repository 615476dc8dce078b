"""The options that several commands share, and how they become settings."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from vipalived.errors import InvalidSettings, Problem

if TYPE_CHECKING:
    from vipalived.settings import Settings
    from vipalived.settings.values import Option

Command = Callable[..., Any]

_URL: Final = re.compile(r"[a-z]+:/(?P<host>[^/]+)/")
"""A URL as a path, which has no empty parts."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one of the `--set` options says."""

    text: str
    option: Option = "--set"


_OPTIONS: Final[Mapping[Option, tuple[str, str]]] = {
    # In the order in which Helm lays them over the files.
    "--set-json": ("KEY=JSON", "Set a value, as JSON; or several, as one JSON object."),
    "--set": ("KEY=VALUE", "Set a value, in Helm's syntax (repeatable; wins over files)."),
    "--set-string": ("KEY=TEXT", "Set a value, always as text."),
    "--set-file": ("KEY=FILE", "Set a value to the text of a file."),
}


def values_options(command: Command) -> Command:
    """Adds `-f/--values` and the `--set` options, handed over as `values` and `assignments` (of Assignment)."""

    @wraps(command)
    def wrapped(**options: Any) -> Any:
        given = [(option, options.pop(_parameter(option))) for option in _OPTIONS]
        assignments = tuple(Assignment(text, option) for option, texts in given for text in texts)
        return command(**options, assignments=assignments)

    made: Command = wrapped
    for option, (metavar, says) in reversed(list(_OPTIONS.items())):
        made = click.option(option, _parameter(option), multiple=True, metavar=metavar, help=says)(made)
    return click.option(
        "-f",
        "--values",
        "values",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path, allow_dash=True),
        help="Read a values file, `-` for stdin (repeatable; later files win).",
    )(made)


def _parameter(option: str) -> str:
    return option.strip("-").replace("-", "_")


def release_options(command: Command) -> Command:
    """Adds `--release-name` and `--namespace`, handed over as `release_name` and `namespace`."""
    for option in (
        click.option(
            "--release-name",
            default="vipalived",
            show_default=True,
            help="Name of the Helm release that the objects belong to.",
        ),
        click.option(
            "-n", "--namespace", metavar="NAME", help="Namespace of the objects, as `--set namespace=NAME`."
        ),
    ):
        command = option(command)
    return command


def namespaced(namespace: str | None) -> list[Assignment]:
    """What `--namespace` says, as `--set` does."""
    return [] if namespace is None else [Assignment(f"namespace={namespace}")]


def run_directory_option(command: Command) -> Command:
    """Adds `--run-dir`, handed over as `run_directory`."""
    return click.option(
        "--run-dir",
        "run_directory",
        envvar="VIPALIVED_RUN_DIR",
        show_envvar=True,
        default="/run/vipalived",
        show_default=True,
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Directory of the agent's sockets and files.",
    )(command)


def kubeconfig_option(command: Command) -> Command:
    """Adds `--kubeconfig`, handed over as `kubeconfig`; never taken from the environment: it asks a cluster."""
    return click.option(
        "--kubeconfig",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Ask this cluster which nodes get a pod, and whether another release has the VIP.",
    )(command)


def parse_duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """The callback of an option that takes a duration: its seconds."""
    if value is None:
        return None
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", value):
        message = f"expected a duration like `30s`, `10m` or `1h30m`, found `{value}`"
        raise click.BadParameter(message, ctx, param)
    parts = re.findall(r"([\d.]+)([smhd])", value)
    return sum(float(count) * _UNITS[unit] for count, unit in parts)


def read_layers(
    values: Sequence[Path], assignments: Sequence[Assignment], text: str | None = None
) -> list[dict[str, Any]]:
    """The operator's values as one layer for `vipalived.settings.load`, laid in Helm's order; `text` is lowest."""
    from vipalived.settings.values import assign, overlay, parse_yaml

    given = [parse_yaml(text, "the values' text")] if text is not None else []
    files = [*given, *(parse_yaml(_read(path), str(path)) for path in values)]
    laid: dict[str, Any] = {}
    for file in files:
        laid = overlay(laid, file)
    for one in assignments:
        laid = assign(laid, one.text, one.option, lambda path: _read(Path(path)))
    return [laid]


def _read(path: Path) -> str:
    if str(path) == "-" and sys.stdin is None:
        raise InvalidSettings((Problem("", "`-` cannot be read: standard input is closed"),))
    try:
        with click.open_file(str(path), encoding="utf-8") as stream:
            return str(stream.read())
    except OSError as error:
        if url := _URL.match(str(path)):
            said = f"expected a file, found a URL of `{url['host']}`"
            raise InvalidSettings((Problem("", said, "download it first"),)) from error
        reason = error.strerror or "unreadable"
        raise InvalidSettings((Problem("", f"`{path}` cannot be read: {reason}"),)) from error
    except UnicodeDecodeError as error:
        raise InvalidSettings((Problem("", f"`{path}` is not UTF-8 text"),)) from error


def load_settings(
    values: Sequence[Path], assignments: Sequence[Assignment], *, warns: bool = True
) -> Settings:
    """The settings that the options make, with their warnings shown, if it `warns`; raises InvalidSettings."""
    from vipalived.settings import load

    loaded = load(read_layers(values, assignments))
    for warning in loaded.warnings if warns else ():
        warn(warning)
    return loaded.settings


def warn(warning: Problem) -> None:
    """Shows a warning with its hint."""
    click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {warning}", err=True)
    click.echo(f"{click.style('  hint:', fg='cyan')} {warning.hint}", err=True)
