"""From layers of values to settings, or to every problem they have."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vipalived.errors import InvalidSettings, Problem
from vipalived.settings import hints, objects
from vipalived.settings.model import NEWER, PATTERN_WORDS, Model, Settings, may_be_absent
from vipalived.settings.rule import Facts, Rule
from vipalived.settings.rules import RULES
from vipalived.settings.values import Layer, dotted, kind, merge, overlay, printable

SECRETS = ("authPass",)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Valid settings, and what the operator should know about them."""

    settings: Settings
    warnings: tuple[Problem, ...]


def defaults() -> Layer:
    """The default values, as a values file would say them."""
    return Settings().model_dump(by_alias=True, exclude={"global_"})


def effective_values(layers: Sequence[Mapping[str, Any]] = ()) -> Layer:
    """The values that `layers` make over the defaults, as a values file would say them; raises as `load` does."""
    values = load(layers).settings.model_dump(by_alias=True, exclude={"global_"})
    return _with_nulls(values, defaults())


def _with_nulls(values: Layer, below: Layer) -> Layer:
    """`values` with a null for each default that they lack: laid over the defaults they then make themselves."""
    nulls = {key: None for key in below if key not in values}
    inner = {
        key: _with_nulls(values[key], default)
        for key, default in below.items()
        if isinstance(default, dict) and key in values
    }
    return values | inner | nulls


def load(layers: Sequence[Mapping[str, Any]] = ()) -> Loaded:
    """The settings that `layers` make, later ones over earlier ones over the defaults.

    Raises InvalidSettings with all problems at once; a rule that reads an invalid value waits until that is mended.
    """
    given: Layer = reduce(overlay, layers, {})
    usual = defaults()
    data = merge(usual, given)
    problems = list(_removed(Settings, data, ""))
    settings, invalid = _mended(data)
    problems += invalid
    found = objects.findings(data, usual, [problem.path for problem in problems])
    problems += [_problem(detail, known) for detail, known in found]
    rules = [rule for rule in RULES if not _reads_any(rule, [problem.path for problem in problems])]
    problems += _offences(settings, [rule for rule in rules if rule.severity == "error"])
    if problems:
        raise InvalidSettings(tuple(problems))
    return Loaded(
        settings, tuple(_offences(settings, [rule for rule in rules if rule.severity == "warning"]))
    )


def _removed(model: type[BaseModel], data: Layer, path: str) -> Iterator[Problem]:
    """A null takes a default away: what is left is empty where that means something, a problem elsewhere."""
    for field in model.model_fields.values():
        if field.alias in NEWER:
            continue
        key, default = str(field.alias), field.get_default(call_default_factory=True)
        if key not in data and not may_be_absent(field):
            yield Problem(
                f"{path}{key}", f"expected a value, found {kind(None)}", "remove it to get the default"
            )
        elif key not in data and isinstance(default, list | dict):
            data[key] = type(default)()
        elif isinstance(default, BaseModel) and isinstance(data.get(key), dict):
            yield from _removed(type(default), data[key], f"{path}{key}.")


def _mended(data: Layer) -> tuple[Settings, list[Problem]]:
    """The settings in `data` less what is invalid, so that what depends on the rest can be checked; and why."""
    problems: list[Problem] = []
    while True:
        try:
            return Settings.model_validate(data), problems
        except ValidationError as error:
            details = error.errors(include_url=False)
            # A list that is now too short is only a consequence.
            known = list(known_paths(Settings))
            problems = problems or [_problem(detail, known) for detail in details]
            data = _without(data, [detail["loc"] for detail in details])


def _without(data: Layer, locations: Sequence[tuple[int | str, ...]]) -> Layer:
    """A copy of `data` less what is at the locations."""
    data = copy.deepcopy(data)
    steps = {tuple(step for step in location if step != "[key]") for location in locations}
    # What is inside goes before what holds it, and the end of a list before its beginning.
    for *parents, last in sorted(
        steps, key=lambda where: [str(step).zfill(6) for step in where], reverse=True
    ):
        holder: Any = data
        for step in parents:
            holder = holder[step]
        del holder[last]
    return data


def _reads_any(rule: Rule, broken: Sequence[str]) -> bool:
    return any(
        f"{path}.".startswith(f"{read}.") or f"{read}.".startswith(f"{path}.") or path.startswith(f"{read}[")
        for path in broken
        for read in rule.reads
    )


def _offences(settings: Settings, rules: Sequence[Rule]) -> Iterator[Problem]:
    facts = Facts(settings)
    for rule in rules:
        found = list(dict.fromkeys(rule.check(facts)))
        if found:
            yield Problem(rule.path, f"{rule.message}, found {', '.join(found)}", rule.hint)


def broken_warnings(settings: Settings) -> Iterator[Rule]:
    """The rules that these settings would be warned of."""
    facts = Facts(settings)
    return (rule for rule in RULES if rule.severity == "warning" and any(True for _ in rule.check(facts)))


def _path(location: Sequence[int | str]) -> str:
    return printable(dotted(step for step in location if step != "[key]"), 200)


def _problem(detail: ErrorDetails, known: Sequence[str]) -> Problem:
    """pydantic's finding in our words; `known` are the paths that a key may have there."""
    location, context = detail["loc"], detail.get("ctx", {})
    path, found = _path(location), kind(detail["input"])
    if location[-1] in SECRETS and isinstance(detail["input"], str | int | float):
        found = f"{len(str(detail['input']))} characters"
    if detail["type"] == "extra_forbidden":
        return Problem(path, "unknown key", hints.of_key(location, detail["input"], known))
    if detail["type"] == "missing":
        return Problem(path, "it is missing, and Kubernetes requires it")
    words = EXPECTED.get(detail["type"], "{error}").format_map({"error": detail["msg"], **context})
    if detail["type"] == "string_pattern_mismatch":
        words = PATTERN_WORDS[context["pattern"]]
    return Problem(path, f"expected {words}, found {found}", hints.of_value(detail))


EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "an object",
    "string_too_long": "at most {max_length} characters",
    "string_type": "text",
    "too_long": "at most {max_length} items",
    "too_short": "at least {min_length} item",
}


def known_paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted path of every key that a values file may have, groups before what they hold."""
    for field in model.model_fields.values():
        path = f"{prefix}{field.alias}"
        yield path
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Model):
            yield from known_paths(type(default), f"{path}.")
