"""A real Helm at work on values files: what it makes of them, or that it refuses."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vipalived.settings import effective_values
from vipalived.settings.values import Layer, Loader, parse_yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "vipalived"


class _Dumper(yaml.SafeDumper):
    """Puts every text into quotes, so that no reader takes it for anything else."""


_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


class _Reader(Loader):
    """Reads what Helm wrote as Kubernetes does, to which a number that 64 bits cannot hold is a text.

    PyYAML's own reader takes 1e+06 for text.
    """

    def number(self, node: yaml.ScalarNode) -> int | float | str:
        try:
            return super().number(node)
        except yaml.MarkedYAMLError:
            return str(node.value)


for _name in ("int", "float"):
    _Reader.add_constructor(f"tag:yaml.org,2002:{_name}", _Reader.number)


def values_text(layer: dict[str, Any]) -> str:
    """A layer as a values file."""
    return yaml.dump(layer, Dumper=_Dumper)


@dataclass(frozen=True)
class Rendered:
    """What Helm wrote; `refused` is its complaint, and empty when it had none."""

    text: str
    refused: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects, in the order of their kinds and names."""
        assert not self.refused, self.refused
        found = [document for document in yaml.load_all(self.text, _Reader) if document]
        return in_order(found)


def in_order(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The objects, in the order of their kinds and names."""
    return sorted(objects, key=lambda one: (str(one["kind"]), str(one.get("metadata", {}).get("name"))))


def template(
    helm: Path,
    values: str,
    directory: Path,
    *,
    chart: Path | str = CHART,
    release: str = "rel",
    more: Sequence[str] = (),
    tests: bool = False,
) -> Rendered:
    """`helm template` of one values file, written into `directory`; without `tests` what is installed."""
    file = directory / "values.yaml"
    file.write_text(values, encoding="utf-8")
    # Gently: tests that measure time may run beside it.
    command = ["nice", str(helm), "template", release, str(chart), "--values", str(file), *more]
    command += [] if tests else ["--skip-tests"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return Rendered(done.stdout, done.stderr if done.returncode else "")


def opened(value: Any) -> Any:
    """Objects with what the agent reads in its values in place of the text: YAML has many spellings of the same."""
    if isinstance(value, list):
        return [opened(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("name") == "VIPALIVED_VALUES":
        return {**value, "value": as_read(unescaped(value["value"]))}
    return {key: as_read(inner) if key == "values.yaml" else opened(inner) for key, inner in value.items()}


def as_read(text: str) -> Layer:
    """What the agent makes of a values file."""
    return effective_values([parse_yaml(text, "values.yaml")])


def unescaped(text: str) -> str:
    """The value of a container's variable as Kubernetes hands it on, where it has no `$(NAME)`."""
    assert not re.search(r"(?<!\$)(?:\$\$)*\$(?!\$)", text), text
    return text.replace("$$", "$")


def same(one: Any, other: Any) -> bool:
    """Whether Kubernetes would get the same: JSON knows one kind of number, and no order of keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) in (int, float) and type(other) in (int, float):
        return float(one) == float(other)
    return type(one) is type(other) and one == other
