"""What to do about a value that is wrong: the hint for an unknown key, and for a value that cannot be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from pydantic_core import ErrorDetails

from vipalived.settings.addresses import ADDRESS_PATTERN, VIP_PATTERN
from vipalived.settings.model import ADDRESS_OR_EMPTY, REPOSITORY_PATTERN, NodeOverride
from vipalived.settings.values import dotted, printable

_NEAR: Final = 0.7
_UNQUOTED: Final = {
    "bool_type": "true|false",
    "int_type": "[0-9]+",
    "literal_error": "[0-9]+",
    "or_auto": "[0-9]+",
}
_OF_A_NODE: Final = [str(field.alias) for field in NodeOverride.model_fields.values()]
_NETMASK: Final = re.compile(r"(?P<address>[0-9.]+)/(?P<mask>[0-9]+(?:\.[0-9]+){3})")


def of_key(location: Sequence[int | str], value: object, known: Sequence[str]) -> str | None:
    """For an unknown key: the nearest one at that place, or where else it belongs. `known` are all paths there are."""
    *parents, last = location
    parent, key = dotted(parents), str(last)
    if len(parents) == 2 and parents[0] == "nodes":
        return _of_node(parent, key)
    beside = [name for name in known if name.rpartition(".")[0] == parent]
    return (
        _of_shape(parent, key, value, known)
        or _near(key, beside)
        or _elsewhere(key, known)
        or (None if parents else _near(key, known))
    )


def _near(key: str, among: Sequence[str]) -> str | None:
    names = {name.rpartition(".")[2].lower(): name for name in reversed(among)}
    near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=_NEAR)
    return f"did you mean `{names[near[0]]}`?" if near else None


def _of_node(parent: str, key: str) -> str:
    near = difflib.get_close_matches(key.lower(), [name.lower() for name in _OF_A_NODE], n=1, cutoff=_NEAR)
    if near:
        name = next(name for name in _OF_A_NODE if name.lower() == near[0])
        return f"did you mean `{printable(parent)}.{name}`?"
    return f"a node may have {', '.join(f'`{name}`' for name in _OF_A_NODE)} of its own"


def _of_shape(parent: str, key: str, value: object, known: Sequence[str]) -> str | None:
    """What the key, or what is in it, tells of where it comes from."""
    inner = list(value) if isinstance(value, dict) else []
    top = {name for name in known if "." not in name}
    if not parent and key in {"apiVersion", "kind", "metadata"}:
        return "this is a Kubernetes object, not a values file"
    if key in known:
        nested = "".join(f"{part}: {{" for part in key.split("."))[:-1]
        return f"a values file nests its keys: `{nested}...{'}' * key.count('.')}`"
    if not parent and top & set(inner):
        return (
            f"give what is below `{printable(key)}` by itself: a chart's own values have no name around them"
        )
    below = [f"{parent}.{name}" for name in inner if f"{parent}.{name}" in known]
    return f"did you mean `{below[0]}`?" if below else None


def _elsewhere(key: str, known: Sequence[str]) -> str | None:
    """The same key at another place."""
    found = [name for name in known if name.rpartition(".")[2].lower() == key.lower()]
    return f"did you mean `{found[0]}`?" if found else None


def of_value(detail: ErrorDetails) -> str | None:
    """For a value that is not what pydantic expects there."""
    value, kind, pattern = detail["input"], detail["type"], detail.get("ctx", {}).get("pattern")
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotes; on a command line use `--set-string`"
    if isinstance(value, str) and kind == "dict_type" and detail["loc"][0] == "imagePullSecrets":
        return f"write it as an object: `{{name: {value}}}`"
    if isinstance(value, str):
        return _of_text(value, kind) or _of_pattern(value, pattern)
    if isinstance(value, list) and kind in {"dict_type", "model_type"}:
        return "write `key: value` lines, without `-` in front"
    if isinstance(value, dict) and kind == "list_type":
        return "write each item on a line of its own, with `-` in front"
    return None


def _of_text(value: str, kind: str) -> str | None:
    if kind in _UNQUOTED and re.fullmatch(_UNQUOTED[kind], value):
        return "remove the quotes; on a command line use `--set`"
    if kind == "int_type" and re.fullmatch(r"[0-9]+%", value):
        return "give a number of nodes: a control plane is too small for percentages"
    if kind == "list_type":
        return "write it as a list: `[a, b]`, or on a command line `{a,b}`"
    return None


def _of_pattern(value: str, pattern: object) -> str | None:
    if pattern == VIP_PATTERN:
        return _of_vip(value)
    if pattern in {ADDRESS_PATTERN, ADDRESS_OR_EMPTY} and re.fullmatch(VIP_PATTERN, value):
        return f"remove the prefix: `{value.partition('/')[0]}`"
    if pattern == REPOSITORY_PATTERN and "@" in value:
        return "put what follows the `@` into `digest`, beside it"
    return None


def _of_vip(value: str) -> str | None:
    bare = value.split(maxsplit=1)[0] if value.split() else ""
    if re.fullmatch(ADDRESS_PATTERN, value):
        return f"add a prefix: `{value}/{128 if ':' in value else 32}`; any will do, as it brings no route"
    if (found := _NETMASK.fullmatch(value)) and (length := _prefix(found["mask"])) is not None:
        return f"write the netmask as a prefix: `{found['address']}/{length}`"
    if re.fullmatch(r"\[.*\](/[0-9]+)?", value):
        return f"remove the brackets: `{value.translate({91: None, 93: None})}`"
    if bare != value and re.fullmatch(VIP_PATTERN, bare):
        return f"write `{bare}` alone; the interface is `keepalived.vrrpInstance.interface`"
    return None


def _prefix(mask: str) -> int | None:
    try:
        return int(ip_network(f"0.0.0.0/{mask}").prefixlen)
    except ValueError:
        return None
