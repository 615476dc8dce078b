"""The patterns of a JSON schema, taken out: Helm would answer a text that does not match with the pattern itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vipalived.settings.model import PATTERN_WORDS

EACH_KEY, EACH_ITEM = "*", "[]"


def without(schema: Any) -> Any:
    """The schema, whose texts may look like anything."""
    if isinstance(schema, list):
        return [without(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    # What is below `properties` is a name, and no word of the schema.
    names = {"properties", "patternProperties", "definitions"}
    return {
        word: {name: without(one) for name, one in inner.items()} if word in names else without(inner)
        for word, inner in schema.items()
        if word != "pattern"
    }


def forms(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each text with a pattern: the steps that lead to it, the pattern, and what that asks for, in words."""
    for steps, pattern in _patterns(schema, schema["definitions"], ()):
        yield {"steps": list(steps), "pattern": pattern, "words": PATTERN_WORDS[pattern]}


def _patterns(
    node: Mapping[str, Any], definitions: Mapping[str, Any], steps: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if "pattern" in node:
        yield steps, node["pattern"]
    if "$ref" in node:
        yield from _patterns(definitions[node["$ref"].rpartition("/")[2]], definitions, steps)
    for one in (*node.get("anyOf", ()), *node.get("allOf", ())):
        yield from _patterns(one, definitions, steps)
    for name, one in node.get("properties", {}).items():
        yield from _patterns(one, definitions, (*steps, name))
    of_each = {**node.get("patternProperties", {}), "": node.get("additionalProperties")}
    for one in of_each.values():
        yield from _patterns(one, definitions, (*steps, EACH_KEY)) if isinstance(one, dict) else ()
    if "items" in node:
        yield from _patterns(node["items"], definitions, (*steps, EACH_ITEM))
