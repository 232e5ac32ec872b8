"""Events as xAPI statements (1.0.3), as the catalog's `xapi` declares them. Pure.

The text of the specification is https://github.com/adlnet/xAPI-Spec (part two, 2.4 and 4).
"""

import json
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any
from urllib.parse import quote

from libs.catalog import Source, SourceKind
from libs.catalog.xapi import Template, Xapi, XapiActivity, XapiResult, XapiScore

# Statements of any 1.0.x have this one (2.4.10).
_VERSION = "1.0.0"
_ENTITY_COLUMNS = {"type": "entity_type", "id": "entity_id"}
# Of the largest number that is stored, a double: 309 digits before the point.
_ALL_DIGITS = Context(prec=400)
_HUNDREDTH = Decimal("0.01")


def statement_line(xapi: Xapi, line: bytes) -> bytes | None:
    """An event's line of JSON, with the published columns, as a line with its statement. None for an event
    that is none: of another name, of no person, or without a value that its object needs."""
    event = json.loads(line)
    statement = statement_of(xapi, event)
    if statement is None:
        return None
    # Postgres writes all digits of a large number, of which orjson takes 20.
    return json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def statement_of(xapi: Xapi, event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The statement of an event, by its columns; see `statement_line`."""
    declared = xapi.statements.get(event["name"])
    if declared is None or not event["person"]:
        return None
    objects = _activities(declared.objects, event)
    if not objects:
        return None
    around = {
        name: found
        for name, activities in (("parent", declared.parent), ("grouping", declared.grouping))
        if (found := _activities(activities, event))
    }
    result = _result(declared.result, event)
    return {
        "id": event["event_uuid"],
        "actor": {
            "objectType": "Agent",
            "account": {"homePage": xapi.home_page, "name": event["person"]},
        },
        "verb": {"id": declared.verb_id, "display": {xapi.language: declared.verb}},
        "object": objects[0],
        **({"result": result} if result else {}),
        **({"context": {"contextActivities": around}} if around else {}),
        "timestamp": event["occurred_at"],
        "stored": event["received_at"],
        "version": _VERSION,
    }


def _activities(
    activities: tuple[XapiActivity, ...], event: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Those of which the event has all values."""
    found = []
    for activity in activities:
        iri = _filled(activity.id, event)
        if iri:
            kind = {"definition": {"type": activity.type}} if activity.type else {}
            found.append({"objectType": "Activity", "id": iri, **kind})
    return found


def _filled(template: Template, event: Mapping[str, Any]) -> str:
    """Empty if a value is missing, or is no id."""
    parts = []
    for part in template:
        if isinstance(part, str):
            parts.append(part)
            continue
        value = _value(part, event)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            return ""
        parts.append(quote(str(value), safe=""))
    return "".join(parts)


def _result(declared: XapiResult, event: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    score = _score(declared.score, event) if declared.score else {}
    if score:
        found["score"] = score
    for name, flag in (("success", declared.success), ("completion", declared.completion)):
        value = _value(flag, event) if isinstance(flag, Source) else flag
        if isinstance(value, bool):
            found[name] = value
    if declared.duration is not None:
        number = _number(_value(declared.duration.source, event))
        if number is not None and number >= 0:
            found["duration"] = _iso_duration(number, declared.duration.per_second)
    extensions = {iri: _value(source, event) for iri, source in declared.extensions.items()}
    extensions = {iri: value for iri, value in extensions.items() if value is not None}
    if extensions:
        found["extensions"] = extensions
    return found


def _score(declared: XapiScore, event: Mapping[str, Any]) -> dict[str, float]:
    """With `min` and `max` only if `raw` is between them, and `scaled` (0 to 1) only with both (2.4.5.1)."""
    raw = _number(_value(declared.raw, event))
    if raw is None:
        return {}
    least, most = declared.minimum, declared.maximum
    if isinstance(most, Source):
        most = _number(_value(most, event))
    if (least is not None and raw < least) or (most is not None and raw > most):
        return {"raw": raw}
    found = {"raw": raw, "min": _whole(least), "max": _whole(most)}
    if least is not None and most is not None and least < most:
        found = {"scaled": (raw - least) / (most - least), **found}
    return {name: number for name, number in found.items() if number is not None}


def _value(source: Source, event: Mapping[str, Any]) -> Any:
    """None if the event has none."""
    match source.kind:
        case SourceKind.PROPERTY | SourceKind.CONTEXT | SourceKind.ATTRIBUTION:
            column = "properties" if source.kind is SourceKind.PROPERTY else str(source.kind)
            here: Any = event[column]
            for step in source.path:
                here = here.get(step) if isinstance(here, dict) else None
            return here
        case SourceKind.ENTITY:
            return event[_ENTITY_COLUMNS[source.path[0]]]
    return event[source.path[0]]


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def _whole(number: float | None) -> float | None:
    return int(number) if number is not None and float(number).is_integer() else number


def _iso_duration(number: float, per_second: int) -> str:
    """ISO 8601, with at most two digits after the point: more may be cut off by readers (4.6)."""
    seconds = _ALL_DIGITS.divide(Decimal(repr(number)), Decimal(per_second))
    rounded = _ALL_DIGITS.quantize(seconds, _HUNDREDTH)
    return f"PT{_ALL_DIGITS.normalize(rounded.copy_abs()):f}S"
