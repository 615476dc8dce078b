"""The options that several commands share, and how they become settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vipalived.errors import InvalidSettings, Problem

if TYPE_CHECKING:
    from vipalived.settings import Settings

Command = Callable[..., Any]


def values_options(command: Command) -> Command:
    """Adds `-f/--values` and `--set`, handed over as `values` and `assignments`."""
    for option in (
        click.option(
            "--set",
            "assignments",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set a value, in Helm's syntax (repeatable; wins over files).",
        ),
        click.option(
            "-f",
            "--values",
            "values",
            multiple=True,
            metavar="FILE",
            type=click.Path(path_type=Path, allow_dash=True),
            help="Read a values file, `-` for stdin (repeatable; later files win).",
        ),
    ):
        command = option(command)
    return command


def read_layers(values: Sequence[Path], assignments: Sequence[str]) -> list[dict[str, Any]]:
    """The operator's values as one layer for `vipalived.settings.load`, laid in Helm's order."""
    from vipalived.settings.values import assign, overlay, parse_yaml

    files = [parse_yaml(_read(path), str(path)) for path in values]
    laid: dict[str, Any] = {}
    for file in files:
        laid = overlay(laid, file)
    return [reduce(assign, assignments, laid)]


def _read(path: Path) -> str:
    try:
        with click.open_file(str(path), encoding="utf-8") as stream:
            return str(stream.read())
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise InvalidSettings((Problem("", f"`{path}` cannot be read: {reason}"),)) from error
    except UnicodeDecodeError as error:
        raise InvalidSettings((Problem("", f"`{path}` is not UTF-8 text"),)) from error


def load_settings(values: Sequence[Path], assignments: Sequence[str]) -> Settings:
    """The settings that the options make, with their warnings shown; raises InvalidSettings."""
    from vipalived.settings import load

    loaded = load(read_layers(values, assignments))
    for warning in loaded.warnings:
        click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {warning}", err=True)
        click.echo(f"{click.style('  hint:', fg='cyan')} {warning.hint}", err=True)
    return loaded.settings
