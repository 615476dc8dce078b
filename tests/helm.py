"""A real Helm at work on values files: what it makes of them, or that it refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vipalived.settings.values import Loader

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
        """The objects, in the order of their kinds."""
        assert not self.refused, self.refused
        found = [document for document in yaml.load_all(self.text, _Reader) if document]
        return sorted(found, key=lambda document: str(document["kind"]))


def template(
    helm: Path,
    values: str,
    directory: Path,
    *,
    chart: Path = CHART,
    release: str = "rel",
    more: Sequence[str] = (),
) -> Rendered:
    """`helm template` of one values file, written into `directory`."""
    file = directory / "values.yaml"
    file.write_text(values, encoding="utf-8")
    command = [str(helm), "template", release, str(chart), "--values", str(file), *more]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return Rendered(done.stdout, done.stderr if done.returncode else "")


def same(one: Any, other: Any) -> bool:
    """Whether Kubernetes would get the same: JSON knows one kind of number, and no order of keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) in (int, float) and type(other) in (int, float):
        return float(one) == float(other)
    return type(one) is type(other) and one == other
