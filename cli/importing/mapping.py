"""How a row of a log becomes an event: which column fills which field. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cli.event_files import UNDECODABLE, displayed
from libs.catalog import Catalog
from libs.catalog.event_words import ENVIRONMENTS, PRIVACY_LEVELS, PRODUCERS
from libs.catalog.fields import ENVELOPE_PATHS
from libs.catalog.problems import did_you_mean
from libs.catalog.schema import declared_types

_PREFIXES = ("properties.", "context.extra.")
_FIELDS = tuple(path for path in ENVELOPE_PATHS if path != "properties")
# Without a time of its own, a row would be another event on every run.
REQUIRED = ("name", "occurred_at")
# Blanks around them make no other person.
_IDS = ("subject_id", "anonymous_id", "session_id", "group_id")
_CHOICES = {
    "producer": PRODUCERS[1:],
    "environment": ENVIRONMENTS[1:],
    "privacy_level": PRIVACY_LEVELS[1:],
}


class MappingError(ValueError):
    """A mapping that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class RowMapping:
    """`columns` is the column of each field, `constants` the value of fields that are always the
    same; fields are paths of the envelope, such as `entity.id` or `properties.level`."""

    columns: Mapping[str, str]
    constants: Mapping[str, str]
    # Of the file, for messages.
    encoding: str

    def envelope(self, catalog: Catalog, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row as an envelope; empty values are absent, and ids of persons, sessions and groups are
        without blanks around them. Texts of properties become what the catalog declares them to be.
        Raises MappingError for a row without name or time."""
        values = dict(self.constants)
        for field, column in self.columns.items():
            value = row.get(column)
            if isinstance(value, str) and UNDECODABLE in value:
                raise MappingError(
                    f"{field}: `{displayed(value)}` in column {column} has bytes that are no text in "
                    f"{self.encoding}; say which encoding it is with --encoding"
                )
            if field in _IDS and isinstance(value, str):
                value = value.strip()
            if value is not None and value != "":
                values[field] = value
        for field in REQUIRED:
            if field not in values:
                raise MappingError(f"{field}: is missing")
        types = _property_types(catalog, str(values["name"]))
        envelope: dict[str, Any] = {}
        for field, value in values.items():
            *parents, leaf = field.split(".")
            target = envelope
            for parent in parents:
                target = target.setdefault(parent, {})
            if field.startswith("properties."):
                target[leaf] = _typed(value, types.get(leaf) if len(parents) == 1 else None)
            elif field.startswith("context.extra.") or (
                field == "consent_given" and isinstance(value, bool)
            ):
                target[leaf] = value
            elif isinstance(value, dict | list | bool):
                raise MappingError(f"{field}: must be a text or a number")
            else:
                target[leaf] = str(value)
        return envelope

    def check_columns(self, names: Sequence[str]) -> None:
        """Raises MappingError if a column that is mapped is not among `names`, or more than once."""
        mapped = sorted(set(self.columns.values()))
        if twice := [column for column in mapped if names.count(column) > 1]:
            raise MappingError(f"the file has more than one column `{twice[0]}`")
        if missing := [column for column in mapped if column not in names]:
            there = [displayed(name) for name in names]
            hint = did_you_mean(missing[0], there).removesuffix("?")
            if any(UNDECODABLE in name for name in names):
                hint = f"; its header has bytes that are no text in {self.encoding}: say --encoding"
            raise MappingError(
                f"the file has no column {', '.join(missing)}{hint}; it has {', '.join(there[:20])}"
            )


def parse_mapping(
    catalog: Catalog, maps: Sequence[str], sets: Sequence[str], encoding: str = "utf-8"
) -> RowMapping:
    """The mapping that `field=column` and `field=constant` texts say; the catalog's words for the
    subject and the group are fields as well. Raises MappingError."""
    words = _own_words(catalog)
    columns = _pairs(maps, "--map", words)
    constants = _pairs(sets, "--set", words)
    if both := sorted(columns.keys() & constants.keys()):
        raise MappingError(f"`{both[0]}` has both a column and a constant")
    fields = columns.keys() | constants.keys()
    for field in REQUIRED:
        if field not in fields:
            same = (
                ", or, if all rows are the same event, --set name=EVENT" if field == "name" else ""
            )
            raise MappingError(f"`{field}` needs a column: --map {field}=COLUMN{same}")
    for field, choices in _CHOICES.items():
        if (value := constants.get(field)) is not None and value.lower() not in choices:
            raise MappingError(f"--set {field}={value}: must be one of {', '.join(choices)}")
    for field in fields:
        if any(other.startswith(f"{field}.") for other in fields):
            raise MappingError(f"`{field}` is mapped, and a part of it as well")
    return RowMapping(columns, constants, encoding)


def _own_words(catalog: Catalog) -> Mapping[str, str]:
    """The fields that the catalog has its own word for, by that word."""
    words = {catalog.subject_name: "subject_id"}
    if catalog.group_name is not None:
        words[catalog.group_name] = "group_id"
    return words


def _pairs(texts: Sequence[str], option: str, words: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        field, value = _pair(text, option, words)
        if field in found:
            raise MappingError(f"{option} {text}: `{field}` is given twice")
        found[field] = value
    return found


def _pair(text: str, option: str, words: Mapping[str, str]) -> tuple[str, str]:
    word, separator, value = text.partition("=")
    word = word.strip()
    field = words.get(word, word)
    if not separator or not value:
        raise MappingError(f"{option} {text}: must be FIELD=VALUE")
    inside = any(field.startswith(prefix) and all(field.split(".")) for prefix in _PREFIXES)
    if field not in _FIELDS and not inside:
        fields = tuple(dict.fromkeys((*words, *_FIELDS)))
        known = (*fields, "properties.<name>")
        hint = did_you_mean(field, fields) or f"; there are {', '.join(known)}"
        raise MappingError(f"{option} {text}: an event has no field `{field}`{hint}")
    return field, value


def _property_types(catalog: Catalog, name: str) -> Mapping[str, frozenset[str]]:
    event = catalog.events.get(name)
    properties = event.latest.schema.get("properties") if event else None
    return {
        key: declared_types(rule)
        for key, rule in (properties.items() if isinstance(properties, dict) else ())
    }


def _typed(value: Any, types: frozenset[str] | None) -> Any:
    """A text as the first declared type that it can be; what fits none stays a text, and ingest says
    what is wrong with it."""
    if not isinstance(value, str) or not types or "string" in types:
        return value
    if "boolean" in types and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if types & {"integer", "number"}:
        try:
            number = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
        if type(number) in (int, float):
            return number
    return value
