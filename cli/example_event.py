"""An event to try an app with: one that its catalog accepts, as `weir up` prints it."""

from collections.abc import Mapping
from typing import Any

from libs.catalog import Catalog, EventType

_SAMPLES = {"string": "x", "boolean": True, "null": None}
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def example_event(catalog: Catalog) -> tuple[str, dict[str, Any]] | None:
    """The name and the properties of an event that ingest stores as it is, about a person who has
    answered no question of consent: the one that needs the fewest properties. None if no such event is
    found."""
    found: dict[str, dict[str, Any]] = {}
    for event in catalog.events.values():
        if not _is_stored_as_it_is(event):
            continue
        properties = _sample(event.latest.schema)
        if isinstance(properties, dict) and event.latest.is_valid(properties):
            found[event.name] = properties
    return min(found.items(), key=lambda item: len(item[1]), default=None)


def _is_stored_as_it_is(event: EventType) -> bool:
    asked = event.purpose is not None and not event.purpose.default_granted
    return not asked and not event.sampling


def _sample(schema: Any) -> Any:
    """A value for the commonest rules of JSON Schema; the caller checks whether it is valid."""
    if not isinstance(schema, Mapping):
        return "x"
    if "const" in schema:
        return schema["const"]
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    for rule in ("oneOf", "anyOf"):
        if schema.get(rule):
            return _sample(schema[rule][0])
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        rules = schema.get("properties", {})
        return {name: _sample(rules.get(name, {})) for name in schema.get("required", ())}
    if kind == "array":
        return [_sample(schema.get("items", {}))] * schema.get("minItems", 0)
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
    if kind == "string":
        return _FORMATS.get(schema.get("format", ""), "x" * schema.get("minLength", 1))
    return _SAMPLES.get(kind)
