"""The JSON Schema keywords that a catalog may use; anything else is a spelling mistake.

JSON Schema ignores unknown keywords, so `minimun: 0` would check nothing without a word.
"""

from collections.abc import Mapping

from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.yaml_nodes import Node

# What stands at the top of a version, beside or instead of `properties`.
OBJECT_KEYWORDS = (
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "$defs",
    "deprecated",
)
_MAPS_OF_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
_LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS = frozenset(
    {
        "additionalProperties",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
        "items",
        "contains",
        "not",
        "if",
        "then",
        "else",
    }
)
_KEYWORDS = (
    *OBJECT_KEYWORDS,
    *("type", "enum", "const", "format", "pattern", "minLength", "maxLength"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("items", "prefixItems", "contains", "minContains", "maxContains", "uniqueItems"),
    *("minItems", "maxItems", "unevaluatedItems", "contentEncoding", "contentMediaType"),
    *("title", "description", "default", "examples", "readOnly", "writeOnly"),
    *("$ref", "$comment", "$schema", "$id", "$anchor"),
)


def check_keywords(entry: Section) -> None:
    """Notes every unknown keyword in the schemas of a version. `x-` keywords are notes."""
    for keyword, node in entry.values.items():
        if keyword in OBJECT_KEYWORDS:
            _check_keyword(entry, keyword, node, f"{entry.where}.{keyword}")


def _check_schema(entry: Section, node: Node, where: str) -> None:
    if not isinstance(node.value, Mapping):
        if not isinstance(node.value, bool):
            entry.problems.add(node.line, f"{where}: must be a schema such as {{type: string}}")
        return
    for keyword, child in node.value.items():
        if keyword not in _KEYWORDS and not keyword.startswith("x-"):
            entry.problems.add(
                child.line,
                f"{where}: unknown keyword `{keyword}`{did_you_mean(keyword, _KEYWORDS)}",
            )
        else:
            _check_keyword(entry, keyword, child, f"{where}.{keyword}")


def _check_keyword(entry: Section, keyword: str, node: Node, where: str) -> None:
    if keyword == "$ref" and not str(node.value).startswith("#"):
        entry.problems.add(node.line, f"{where}: only references inside the schema (`#/$defs/...`)")
    elif keyword in _SCHEMAS:
        _check_schema(entry, node, where)
    elif keyword in _MAPS_OF_SCHEMAS and isinstance(node.value, Mapping):
        for name, child in node.value.items():
            _check_schema(entry, child, f"{where}.{name}")
    elif keyword in _LISTS_OF_SCHEMAS and isinstance(node.value, tuple):
        for child in node.value:
            _check_schema(entry, child, where)
