"""What is handed on to Kubernetes as it is must be of Kubernetes' own types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from vipalived.settings.model import QUANTITY
from vipalived.settings.values import Layer, dotted

KINDS: Final[Mapping[str, str]] = {
    "affinity": "Affinity",
    "agent.securityContext": "SecurityContext",
    "imagePullSecrets": "list[LocalObjectReference]",
    "podSecurityContext": "PodSecurityContext",
    "resources": "ResourceRequirements",
    "securityContext": "SecurityContext",
    "staticAffinity": "Affinity",
    "staticTolerations": "list[Toleration]",
    "tolerations": "list[Toleration]",
}
"""The values that are, and their types, which are in the module `kubernetes`."""


def _text(number: object) -> object:
    return str(number) if isinstance(number, int | float) and not isinstance(number, bool) else number


Quantity = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=QUANTITY),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": QUANTITY}]}),
]


class KubernetesType(BaseModel):
    """No unknown key and no coercion; what is null is as if it was not there."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True)


def kind(path: str) -> Any:
    """The type of the value at this path."""
    # Few values files say anything of them, and an agent that starts has no time to lose.
    from vipalived.settings import kubernetes

    item = KINDS[path].removeprefix("list[").removesuffix("]")
    model = getattr(kubernetes, item)
    return model if item == KINDS[path] else list[model]  # type: ignore[valid-type]


def findings(
    values: Layer, usual: Layer, broken: Sequence[str] = ()
) -> Iterator[tuple[ErrorDetails, Sequence[str]]]:
    """pydantic's finding for everything that Kubernetes would refuse, and the keys that are known at its place.

    Where `values` are the `usual` ones there is nothing to be found, and what is `broken` in another way comes first.
    """
    for path in KINDS:
        value = _at(values, path)
        if value in (None, _at(usual, path)) or any(_below(path, one) for one in broken):
            continue
        try:
            TypeAdapter(kind(path)).validate_python(value)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                inner = detail["loc"]
                place = (*path.split("."), *inner)
                known = [f"{dotted(place[:-1])}.{key}" for key in _keys(kind(path), inner[:-1])]
                yield {**detail, "loc": place}, known


def _below(path: str, place: str) -> bool:
    return place == path or place.startswith((f"{path}.", f"{path}["))


def _at(values: Layer, path: str) -> Any:
    node: Any = values
    for key in path.split("."):
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _keys(kind: Any, steps: Sequence[int | str]) -> list[str]:
    """The keys that an object may have which is so many steps inside a value of this type."""
    for step in steps:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = next(field.annotation for field in kind.model_fields.values() if field.alias == step)
            # Without the null that it may be.
            kind = get_args(kind)[0] if type(None) in get_args(kind) else kind
        else:
            kind = get_args(kind)[-1]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [str(field.alias) for field in kind.model_fields.values()]
    return []
