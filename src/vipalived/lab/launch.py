"""From the command line into the namespaces: what must be done before the lab's own process starts."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from vipalived.errors import MissingRequirement, Problem, VipalivedError
from vipalived.lab import sandbox
from vipalived.lab.plan import BASE_LAYER
from vipalived.lab.pressure import offer
from vipalived.lab.programme import Order
from vipalived.settings import load

_MAIN = "from vipalived.cli.main import main; main()"


def warnings(order: Order) -> tuple[Problem, ...]:
    """What the operator should know about the values; raises InvalidSettings where they cannot be used."""
    return load([BASE_LAYER, order.layer]).warnings


def launch(order: Order, json: Path | None, html: Path | None, logs: Path | None) -> int:
    """Carries the order out inside namespaces of its own and returns the exit code.

    The outputs are opened here: inside, /run is another one, and a superuser is one only of its namespace.
    """
    for chosen in {case.engine.name: case.engine for case in order.programme()}.values():
        chosen.version()
    _require_libraries()
    sandbox.check()
    with ExitStack() as stack:
        files = [_open(stack, path, os.O_WRONLY | os.O_CREAT) for path in (json, html)]
        if logs is not None:
            _make(logs)
        directory = _open(stack, logs, os.O_RDONLY | os.O_DIRECTORY)
        quota = stack.enter_context(offer()) if {"load", "api-slow"} & set(order.scenarios) else order.quota
        inside = replace(order, json=files[0], html=files[1], logs=directory, quota=quota)
        letter = os.memfd_create("order")
        stack.callback(os.close, letter)
        os.write(letter, inside.as_json().encode())
        os.lseek(letter, 0, os.SEEK_SET)
        descriptors = [letter, *(number for number in (*files, directory) if number is not None)]
        return sandbox.run(sandbox.python("-c", _MAIN, "lab", "inside", str(letter)), descriptors)


def _require_libraries() -> None:
    for name in ("jinja2", "pyroute2", "trustme"):
        if find_spec(name) is None:
            hint = "run `pip install '.[lab]'` in a clone of vipalived"
            raise MissingRequirement(
                f"the lab needs libraries that are not installed, `{name}` first", hint=hint
            )


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VipalivedError(f"`{directory}` cannot be made: {error.strerror}") from error


def _open(stack: ExitStack, path: Path | None, flags: int) -> int | None:
    if path is None:
        return None
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        raise VipalivedError(f"`{path}` cannot be written: {error.strerror}") from error
    stack.callback(os.close, descriptor)
    return descriptor
