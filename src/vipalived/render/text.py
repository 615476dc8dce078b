"""Objects as YAML text that people, kubectl and our own reader take for the same."""

from __future__ import annotations

from typing import Any

import yaml

from vipalived.settings.values import Loader


def to_yaml(objects: list[dict[str, Any]]) -> str:
    """The objects as a stream of YAML documents, long texts as blocks."""
    return yaml.dump_all(objects, Dumper=_Dumper, explicit_start=True, sort_keys=False, width=110)


def values_text(values: dict[str, Any]) -> str:
    """Values as a values file, its keys in alphabetical order as Helm has them."""
    return yaml.dump(values, Dumper=_Dumper, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a literal block."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
# kubectl reads `y` as true and `1e3` as 1000, which PyYAML does not know: what either takes for no text is quoted.
_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, []), *resolvers]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
} | {"=": yaml.SafeDumper.yaml_implicit_resolvers["="]}
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
