"""Values as Helm reads them: YAML text, `--set` assignments, and layers laid over the defaults.

Layers are nested mappings with text keys. Source: Helm's documentation of values files and of `--set`, and
what a real Helm answers. Stricter than Helm, which hides mistakes there: a repeated key, a key that is no
text, a `<<` below other keys (the YAML specification and Helm disagree which of them wins), a tag of the
file's own, a number that 64 bits cannot hold, and an assignment without a key or without `=` are refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal

import yaml

from vipalived.errors import InvalidSettings, Problem
from vipalived.settings.yaml_errors import explain

Layer = dict[str, Any]
Option = Literal["--set", "--set-string", "--set-json", "--set-file"]

_TAG = "tag:yaml.org,2002:"
_DIGITS = "[0-9][0-9_]*"
_EXPONENT = f"(?:[eE]_*[-+]?_*{_DIGITS})?"
_IMPLICIT = {
    # What a plain scalar is to go-yaml, which reads YAML 1.1 without its dates and base-60 numbers.
    "bool": (
        "yYnNtTfFoO",
        r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
    ),
    "null": ("~nN", r"~|null|Null|NULL|"),
    "merge": ("<", r"<<"),
    # Underscores may stand anywhere behind a sign or digit; behind a dot in front, only between digits.
    "int": (
        "-+0123456789",
        r"[-+]?_*(?:0_*[bB]_*[01][01_]*|0_*[oO]?_*[0-7][0-7_]*|[1-9][0-9_]*|0_*[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0_*)",
    ),
    "float": (
        "-+.0123456789",
        (
            rf"[-+]?_*{_DIGITS}(?:\.[0-9_]*)?{_EXPONENT}|[-+]_*\._*{_DIGITS}{_EXPONENT}"
            r"|\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
    ),
}


class Loader(yaml.SafeLoader):
    """Reads what Helm reads, as Helm reads it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key_node.tag == f"{_TAG}merge" and seen:
                raise _refusal(key_node, "expected `<<` above the other keys")
            if not isinstance(key, str):
                raise _refusal(key_node, f"expected a text key, found {kind(key)}")
            if key in seen:
                raise _refusal(key_node, f"key `{printable(key)}` is given twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def number(self, node: yaml.ScalarNode) -> int | float:
        text = self.construct_scalar(node).replace("_", "")
        with suppress(ValueError):
            whole = int(text, 8 if re.fullmatch(r"[-+]?0[0-7]+", text) else 0)
            if -(2**63) <= whole < 2**64:
                return whole
        with suppress(ValueError):
            if math.isfinite(number := float(text)):
                return number
        raise _refusal(node, "expected a number that 64 bits can hold")

    def truth(self, node: yaml.ScalarNode) -> bool:
        text = self.construct_scalar(node)
        if not re.fullmatch(_IMPLICIT["bool"][1], text):
            raise _refusal(node, "expected true or false")
        return text.lower() in ("y", "yes", "true", "on")


def _refusal(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


Loader.yaml_implicit_resolvers = {}
for _name, (_first, _pattern) in _IMPLICIT.items():
    Loader.add_implicit_resolver(
        f"{_TAG}{_name}", re.compile(f"(?:{_pattern})\\Z"), [*_first, *([""] if _name == "null" else [])]
    )
Loader.yaml_constructors = {
    f"{_TAG}bool": Loader.truth,
    f"{_TAG}int": Loader.number,
    f"{_TAG}float": Loader.number,
    f"{_TAG}null": Loader.construct_yaml_null,
    f"{_TAG}str": Loader.construct_scalar,
    f"{_TAG}merge": Loader.construct_scalar,
    # Deep: an anchor that holds itself is then found out.
    f"{_TAG}map": lambda loader, node: loader.construct_mapping(node, deep=True),
    f"{_TAG}seq": lambda loader, node: loader.construct_sequence(node, deep=True),
    None: Loader.construct_undefined,
}


def parse_yaml(text: str, source: str) -> Layer:
    """The values in YAML `text`; `source` names it in errors. An empty text is no values."""
    try:
        values = yaml.load(text, Loader)  # noqa: S506 - Loader is a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        sentence, hint = explain(error, text)
        raise InvalidSettings((Problem("", f"`{source}` is not YAML: {sentence}", hint),)) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InvalidSettings(
            (Problem("", f"`{source}`: expected keys and values at the top, found {kind(values)}"),)
        )
    return values


def kind(value: object) -> str:
    """What a value is, in the words of the values table."""
    match value:
        case None:
            return "null"
        case bool():
            return f"the bool `{str(value).lower()}`"
        case int() | float():
            return f"the number `{value}`"
        case str():
            return f"the text `{printable(value)}`" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "an object"


def printable(text: str, room: int = 80) -> str:
    """The operator's text for one line of a message: control characters as escapes, cut when long."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:room])
    return shown if len(text) <= room else f"{shown}..."


class _Reader:
    """Reads an argument of `option` from left to right; a backslash takes the next character as it is."""

    def __init__(self, text: str, option: Option) -> None:
        self.text, self.option, self.position = text, option, 0

    def until(self, stops: str) -> tuple[str, str]:
        """The text up to one of `stops`, unescaped, and that stop; an empty one at the end."""
        taken: list[str] = []
        while character := self.next():
            if character in stops:
                return "".join(taken), character
            taken.append(self.next() if character == "\\" else character)
        return "".join(taken), ""

    def next(self) -> str:
        self.position += 1
        return self.text[self.position - 1 : self.position]

    def next_is(self, character: str) -> bool:
        return self.text.startswith(character, self.position)

    def json(self) -> Any:
        """A JSON value, with what blanks and comma follow it; nothing is null."""
        self.position += len(self.text[self.position :]) - len(self.text[self.position :].lstrip())
        value = None
        if not self.next_is(",") and self.position < len(self.text):
            try:
                value, self.position = json.JSONDecoder().raw_decode(self.text, self.position)
            except (ValueError, RecursionError) as error:
                raise self.problem(f"expected JSON from character {self.position + 1} on") from error
        rest = self.text[self.position :].lstrip()
        if rest and not rest.startswith(","):
            raise self.problem("expected a comma behind a JSON value")
        self.position = len(self.text) - len(rest) + bool(rest)
        return value

    def problem(self, message: str, hint: str | None = None) -> InvalidSettings:
        """Says where, and what only when it cannot be a part of a value: that may be a password."""
        secret = "=" in self.text or self.text.lstrip().startswith("{")
        place = f"`{self.option}`" if secret else f"`{self.option} {printable(self.text)}`"
        return InvalidSettings((Problem("", f"{place}: {message}", hint),))


def assign(layer: Layer, text: str, option: Option = "--set", read: Callable[[str], str] = str) -> Layer:
    """`layer` with one argument of `option` laid over it, in Helm's syntax.

    `a.b=1,c=text` with `\\,` and `\\.` for a literal comma or dot, `a={x,y}` for a list, `a[0]=x` for an
    element, and null, true, false and whole numbers typed; everything else is text. With `--set-string` all is text,
    with `--set-file` what `read` makes of it; `--set-json` takes JSON, or an object in place of the whole.
    """
    reader = _Reader(text, option)
    if option == "--set-json" and text.lstrip().startswith("{"):
        value = reader.json()
        if reader.position < len(text):
            raise reader.problem("expected nothing behind the object")
        return overlay(layer, value)
    while reader.position < len(text):
        path = _key_path(reader)
        layer = _placed(layer, path, _value(reader, read), option=option)
    return layer


_Path = list[str | int]

LAST_INDEX = 65536
"""As far as Helm goes."""


def _key_path(reader: _Reader) -> _Path:
    path: _Path = []
    stop = "."
    while stop == ".":
        start = reader.position
        key, stop = reader.until("=[,.")
        if not key or stop not in ("=", "[", "."):
            hint = (
                "a comma inside a value is written `\\,`"
                if "," in reader.text
                else "put `=` and the value behind it"
            )
            raise reader.problem(f"expected KEY=VALUE from character {start + 1} on", hint)
        path.append(key)
        while stop == "[":
            index, _ = reader.until("]")
            between, stop = reader.until("=[.")
            if not re.fullmatch("[0-9]{1,5}", index) or int(index) > LAST_INDEX or between or not stop:
                raise reader.problem("expected an index such as `KEY[0]=VALUE`")
            path.append(int(index))
    return path


def _value(reader: _Reader, read: Callable[[str], str]) -> Any:
    if reader.option == "--set-json":
        return reader.json()
    made: Callable[[str], Any] = (
        _typed if reader.option == "--set" else str if reader.option == "--set-string" else read
    )
    if not reader.next_is("{"):
        return made(reader.until(",")[0])
    reader.next()
    items, stop = [], ","
    while stop == ",":
        item, stop = reader.until(",}")
        items.append(made(item))
    if not stop:
        raise reader.problem(
            "a list that starts with `{` must end with `}`", "a literal one is written `\\{`"
        )
    if reader.next_is(","):
        reader.next()
    return items


def _typed(text: str) -> Any:
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if re.fullmatch(r"0|[-+][0-9]{1,20}|[1-9][0-9]{0,20}", text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    return text


def _placed(below: Any, path: _Path, value: Any, depth: int = 0, option: Option = "--set") -> Any:
    """`below` with `value` where `path` leads; what is missing on the way is made, nothing is changed in place."""
    if depth == len(path):
        return value
    step, new = path[depth], _missing(path[depth + 1 : depth + 2])
    if isinstance(step, str) and isinstance(below, dict):
        return {**below, step: _placed(below.get(step, new), path, value, depth + 1, option)}
    if isinstance(step, int) and isinstance(below, list):
        items = [*below, *[None] * (step + 1 - len(below))]
        # Of a list's items Helm replaces what is no object, while it refuses to do so elsewhere.
        replaced = items[step] is None or (isinstance(new, dict) and not isinstance(items[step], dict))
        items[step] = _placed(new if replaced else items[step], path, value, depth + 1, option)
        return items
    wanted = "a list" if isinstance(step, int) else "an object"
    found = (
        "an object" if isinstance(below, dict) else "a list" if isinstance(below, list) else "a single value"
    )
    where = printable(dotted(path[:depth]))
    raise InvalidSettings((Problem(where, f"`{option}` expected {wanted}, found {found}"),))


def _missing(following: _Path) -> Any:
    """What a step makes where nothing is: room for the step after it."""
    return ([] if isinstance(following[0], int) else {}) if following else None


def dotted(path: Iterable[int | str]) -> str:
    """A path as a values file's reader writes it: `tolerations[0].key`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Layer:
    """`above` laid over `below`: objects merge, all else is replaced, null takes a key of `below` away."""
    merged: Layer = dict(below)
    for key, value in above.items():
        if value is None and key in below:
            del merged[key]
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> Layer:
    """Two of the operator's own layers as one; null stays, to take a default away later."""
    merged: Layer = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlay(merged[key], value) if both else value
    return merged
