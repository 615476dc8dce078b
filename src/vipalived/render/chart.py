"""What the chart repeats of the settings: values.yaml, values.schema.json, the values table, defaults, the rules, a
script, and what distributions make of it, which is values files (presets), too.

All are generated, so that none can drift: `make generate` writes them, `make check` compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from vipalived.render import patterns
from vipalived.render.keepalived_container import STARTED
from vipalived.render.network import preparing_script
from vipalived.settings import objects
from vipalived.settings.distributions import CONTROL_PLANE, DISTRIBUTIONS, MARKED, node_selector, tolerations
from vipalived.settings.loading import defaults
from vipalived.settings.model import NEWER, Model, Settings, may_be_absent
from vipalived.settings.rule import Rule
from vipalived.settings.rules import RULES

_GENERATED = "Generated from src/vipalived/settings by `make generate`; do not edit."

_TABLE_TYPES = {str: "string", bool: "bool", int: "int", float: "int", list: "list", dict: "object"}


def _fields(model: type[Model]) -> Iterator[tuple[str, FieldInfo, Any]]:
    """Alias, field and default of each value that the chart documents."""
    for field in model.model_fields.values():
        if field.alias != "global":
            yield str(field.alias), field, field.get_default(call_default_factory=True)


def values_yaml() -> str:
    """The chart's values.yaml: every key with its sentence and its default."""
    head = "# Every value with its default. A file of your own says only what differs."
    made = "# (Written by `make generate` from src/vipalived/settings.)"
    return f"{head}\n{made}\n\n" + "\n".join(_values(Settings, "")).rstrip() + "\n"


def _values(model: type[Model], indent: str) -> Iterator[str]:
    for key, field, default in _fields(model):
        if isinstance(default, Model):
            yield f"{indent}{key}:"
            yield from _values(type(default), indent + "  ")
        else:
            yield f"{indent}# -- {field.description}"
            text = yaml.safe_dump({key: default}, sort_keys=False, width=200).rstrip()
            yield from (indent + line for line in text.splitlines())
        if not indent:
            yield ""


def values_table() -> str:
    """The values table in Markdown, rows in alphabetical order as helm-docs has them."""
    head = "| Key | Type | Default | Description |\n|-----|------|---------|-------------|\n"
    return head + "".join(sorted(_rows(Settings, "")))


def _rows(model: type[Model], prefix: str) -> Iterator[str]:
    for key, field, default in _fields(model):
        if isinstance(default, Model):
            yield from _rows(type(default), f"{prefix}{key}.")
        else:
            shown = json.dumps(default, separators=(",", ":"))
            yield f"| {prefix}{key} | {_TABLE_TYPES[type(default)]} | `{shown}` | {field.description} |\n"


def values_schema() -> str:
    """The chart's values.schema.json (JSON Schema draft 7): what Helm itself checks, which lays the defaults below.

    Without patterns, which Helm would answer with: `forms_template` has them, and words for each.
    """
    schema = _schema()
    _require(Settings, schema)
    return _text(patterns.without(schema))


def overrides_schema() -> str:
    """The schema of one's own values file, for editors and pipelines: nothing need be there, and null means none."""
    schema = _schema()
    _permit_null(Settings, schema)
    _permit_null_in_maps(schema["definitions"])
    return _text(schema)


def forms_template() -> str:
    """What a text must look like, wherever the values have one, for the chart's `vipalived.misfits`."""
    forms = json.dumps([*patterns.forms(_schema())], indent=2, ensure_ascii=False)
    return f'{{{{/* {_GENERATED} */}}}}\n\n{{{{- define "vipalived.forms" -}}}}\n{forms}\n{{{{- end -}}}}\n'


def _schema() -> dict[str, Any]:
    schema = Settings.model_json_schema(by_alias=True)
    flat = _flatten(schema, schema.get("$defs", {}))
    definitions = _of_kubernetes(flat)
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "$comment": _GENERATED}
    return {**head, **flat, "definitions": definitions}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _of_kubernetes(schema: dict[str, Any]) -> dict[str, Any]:
    """Refers to Kubernetes' own types where a value is handed on as one; their definitions."""
    adapters: list[tuple[str, Literal["validation"], TypeAdapter[Any]]] = [
        (path, "validation", TypeAdapter(objects.kind(path))) for path in objects.KINDS
    ]
    schemas, definitions = TypeAdapter.json_schemas(
        adapters, ref_template="#/definitions/{model}", schema_generator=_Plain
    )
    for path in objects.KINDS:
        group, _, key = path.rpartition(".")
        properties = (schema["properties"][group] if group else schema)["properties"]
        usual = {word: properties[key][word] for word in ("default", "description")}
        kind = schemas[path, "validation"]
        # What is beside a reference does not count in draft 7.
        properties[key] = usual | ({"allOf": [kind]} if "$ref" in kind else kind)
    return {name: _without_title(one) for name, one in definitions["$defs"].items()}


class _Plain(GenerateJsonSchema):
    """Without what only says that a key may be missing, or repeats its name."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:
        del schema
        return False


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def _flatten(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references and titles."""
    if isinstance(node, list):
        return [_flatten(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _flatten(definitions[node["$ref"].removeprefix("#/$defs/")], definitions)
    properties = node.get("properties")
    rest = {key: value for key, value in node.items() if key not in ("$defs", "title", "properties")}
    flat = {key: _flatten(value, definitions) if key != "default" else value for key, value in rest.items()}
    if "patternProperties" in flat:
        flat["additionalProperties"] = False
    if properties is not None:
        flat["properties"] = {key: _flatten(value, definitions) for key, value in properties.items()}
    return flat


def _require(model: type[Model], schema: dict[str, Any]) -> None:
    """Says in the schema which values must be there; Helm gives it the values with the defaults laid below."""
    required = []
    for field in model.model_fields.values():
        key, default = str(field.alias), field.get_default(call_default_factory=True)
        if isinstance(default, Model) and key not in NEWER:
            _require(type(default), schema["properties"][key])
        if not may_be_absent(field):
            required.append(key)
    schema["required"] = required


def _permit_null(model: type[Model], schema: dict[str, Any], *, all_of_it: bool = False) -> None:
    """Says in the schema what a null may take away: what may then be empty, or has its default again."""
    for field in model.model_fields.values():
        key, default = str(field.alias), field.get_default(call_default_factory=True)
        newer = all_of_it or key in NEWER
        inner = schema["properties"][key]
        if isinstance(default, Model):
            _permit_null(type(default), inner, all_of_it=newer)
        for pattern, value in inner.get("patternProperties", {}).items() if default else ():
            inner["patternProperties"][pattern] = _or_null(value)
        if newer or may_be_absent(field):
            schema["properties"][key] = _or_null(inner)


def _permit_null_in_maps(node: Any) -> None:
    """Where Kubernetes' types have keys of one's own, as limits have: a null takes away what is below this file."""
    if isinstance(node, dict):
        if isinstance(values := node.get("additionalProperties"), dict):
            node["additionalProperties"] = _or_null(values)
        node = [*node.values()]
    for inner in node if isinstance(node, list) else ():
        _permit_null_in_maps(inner)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Beside its description and default, which an editor shows."""
    shown = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return shown | {"anyOf": [schema, {"type": "null"}]}


def defaults_template() -> str:
    """The defaults of what the charts up to 0.2.3 had not, as the template `vipalived.defaults`: JSON."""
    values = defaults()
    text = json.dumps({key: values[key] for key in NEWER}, indent=2)
    return _defines({"defaults": text})


def distributions_template() -> str:
    """What the distributions change, as the templates `vipalived.distributions` (JSON) and the label's two words."""
    known = {
        name: {
            "labelValue": one.label_value,
            "staticPods": one.static_pods,
            "tolerations": one.tolerations,
        }
        for name, one in DISTRIBUTIONS.items()
    }
    texts = {
        "distributions": json.dumps(known, indent=2),
        "controlPlane": CONTROL_PLANE,
        "marked": MARKED,
    }
    return _defines(texts)


def _defines(texts: dict[str, str]) -> str:
    """Templates, by the last part of their names."""
    return f"{{{{/* {_GENERATED} */}}}}\n" + "".join(
        f'\n{{{{- define "vipalived.{name}" -}}}}\n{text.rstrip()}\n{{{{- end -}}}}\n'
        for name, text in texts.items()
    )


def preset(distribution: str) -> str:
    """What `distribution` does to the defaults, as a values file."""
    settings = Settings()
    values = {
        "nodeSelector": node_selector(distribution, settings.node_selector),
        "tolerations": tolerations(distribution, settings.tolerations),
    }
    head = f"# {_GENERATED}\n# Makes the same objects as `distribution: {distribution}` over the defaults.\n"
    return head + yaml.safe_dump(values, sort_keys=False, width=200)


def network_template() -> str:
    """The script that waits for interface and address, and the probe that it holds back, as templates."""
    texts = {
        "network": preparing_script(),
        "started": yaml.safe_dump(STARTED, sort_keys=False, width=200),
    }
    return _defines(texts)


def rules_template() -> str:
    """The rules between values as Go templates: `vipalived.errors` and `vipalived.warnings`."""
    return f"{{{{/* {_GENERATED} */}}}}\n" + "".join(map(_define, ("error", "warning")))


_VARIABLES = """\
{{- $values := .Values -}}
{{- $instance := $values.keepalived.vrrpInstance -}}
{{- $version := int $values.keepalived.vrrpVersion -}}
{{- $interval := $instance.advertInt | toString | float64 -}}
{{- $startDelay := default 0 $instance.startDelay | toString | float64 -}}
{{- $tracked := default (list) $instance.trackInterface -}}
{{- $podLabels := default (dict) $values.podLabels -}}
{{- $podAnnotations := default (dict) $values.podAnnotations -}}
{{- $global := default (dict) $values.global -}}
{{- $newer := include "vipalived.newer" . | fromJson -}}
{{- $defaults := include "vipalived.defaults" . | fromJson -}}
{{- $selector := default (dict) $values.nodeSelector -}}
{{- $agent := $newer.agent -}}
{{- $health := $newer.healthCheck -}}
{{- $runsAgent := include "vipalived.runsAgent" . -}}
{{- $runsScript := include "vipalived.runsScript" . -}}
{{- $facts := include "vipalived.facts" . | fromJson -}}
{{- $rights := include "vipalived.rights" . | fromJson -}}
"""


def _define(severity: str) -> str:
    rules = "".join(_condition(rule) for rule in RULES if rule.severity == severity)
    return f'\n{{{{- define "vipalived.{severity}s" -}}}}\n{_VARIABLES}{rules}{{{{- end -}}}}\n'


def _condition(rule: Rule) -> str:
    text = json.dumps(rule.text(), ensure_ascii=False)
    return f"{{{{- if {rule.chart} -}}}}\n{{{{- print {text} -}}}}\n{{{{- end -}}}}\n"
