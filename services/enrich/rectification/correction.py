"""What a stored event says once its properties are corrected: by the same rules as at ingest. Pure.

What is not changed was checked when the event came, and perhaps by another catalog. So a correction must not
break a rule that was kept before, and what it changes has to keep all of them.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from copy import deepcopy
from typing import Any

from libs.catalog import Catalog, EventVersion, LongerDimension
from libs.common.errors import FailedPrecondition, InvalidArgument
from libs.common.event_properties import PropertiesError, read_properties, read_value
from libs.common.exact_json import exact_dumps
from libs.common.mentions import ids_of, names_person
from libs.common.personal_data import WORDS, Cleaning
from libs.common.rectification import PropertyChange
from services.enrich.rectification.model import NO_VALUE, Corrected, Path, StoredEvent, value_at


def corrected(
    catalog: Catalog, event: StoredEvent, subject_id: str, changes: Sequence[PropertyChange]
) -> Corrected:
    """The event of a person with these changes. Raises InvalidArgument with the property and the reason,
    FailedPrecondition if the catalog has no such event any more."""
    version = _declared(catalog, event)
    sealed = catalog.sealed.get(event.name, frozenset())
    properties: dict[str, Any] = deepcopy(dict(event.properties))
    values: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {}
    # In their order, each once.
    written: dict[Path, None] = {}
    for change in changes:
        path = tuple(change.path.split("."))
        _check_path(catalog, event, version, sealed, path)
        written[_written(event.properties, path)] = None
        before = value_at(event.properties, path)
        if change.value_json is None:
            _remove(properties, path)
            values[change.path] = before, NO_VALUE
        else:
            value = _read(change)
            _check_hashed(catalog.collection.hashed, path, value)
            _check_personal(catalog, event, version, subject_id, path, value)
            _put(properties, path, value)
            values[change.path] = before, (value,)
    names = frozenset(change.path.partition(".")[0] for change in changes)
    _check_sizes(catalog, event.name, names, properties)
    _check_schema(version, event.properties, properties, names)
    return Corrected(properties, names & sealed & properties.keys(), values, tuple(written))


def _declared(catalog: Catalog, event: StoredEvent) -> EventVersion:
    event_type = catalog.events.get(event.name)
    version = event_type.versions.get(event.schema_version) if event_type else None
    if version is None:
        raise FailedPrecondition(
            "the catalog does not declare the event in this version any more",
            reason="NOT_RECTIFIABLE",
        )
    return version


def _check_path(
    catalog: Catalog,
    event: StoredEvent,
    version: EventVersion,
    sealed: Iterable[str],
    path: Path,
) -> None:
    """Raises InvalidArgument if this property may not be changed."""
    name = path[0]
    if not version.declares(path):
        # The name may be personal data.
        raise _invalid("*", "is not declared by the event's schema")
    if name in {catalog.subject_name, catalog.group_name} | version.subject_properties:
        raise _invalid(".".join(path), "says whom the event is about or names, which stays")
    for _, inside in catalog.fields.context_properties:
        if path[: len(inside)] == inside or inside[: len(path)] == path:
            raise _invalid(".".join(path), "is a part of the event's context, which stays")
    if len(path) > 1 and name in sealed:
        raise _invalid(".".join(path), "is part of a sealed property: change that as a whole")
    if name in version.pii_properties and not event.subject_id:
        raise _invalid(
            ".".join(path), "is personal, and the event was anonymized: it has nothing of the kind"
        )


def _check_hashed(hashed: Set[str], path: Path, value: Any) -> None:
    """Raises InvalidArgument for a value that ingest would have replaced by its keyed hash, whose key enrich
    need not know."""
    if not hashed.isdisjoint(path) or _has_name(value, hashed):
        raise _invalid(".".join(path), "has what is stored as a keyed hash only")


def _has_name(value: Any, names: Set[str]) -> bool:
    """Whether an object in the value has one of these names."""
    if isinstance(value, dict):
        return not names.isdisjoint(value) or any(
            _has_name(inner, names) for inner in value.values()
        )
    return isinstance(value, list) and any(_has_name(inner, names) for inner in value)


def _read(change: PropertyChange) -> Any:
    """Raises InvalidArgument."""
    assert change.value_json is not None
    try:
        return read_value(change.value_json)
    except PropertiesError as error:
        raise _invalid(change.path, str(error)) from None


def _check_personal(
    catalog: Catalog,
    event: StoredEvent,
    version: EventVersion,
    subject_id: str,
    path: Path,
    value: Any,
) -> None:
    """Raises InvalidArgument for personal data in a place that is not marked for it. Refused, whatever the
    catalog says of new events: a correction must not be stored as something else."""
    if not event.subject_id and names_person(value, ids_of(subject_id)):
        raise _invalid(".".join(path), "names the person, and the event was anonymized")
    if catalog.events[event.name].personal_data is None or path[0] in version.pii_properties:
        return
    cleaning = Cleaning(())
    cleaning.clean(value, path[-1], path)
    if cleaning.found:
        _, kind = cleaning.found[0]
        raise _invalid(".".join(path), f"contains {WORDS[kind]}")


def _put(properties: dict[str, Any], path: Path, value: Any) -> None:
    """Objects on the way that are missing are made. Raises InvalidArgument if something else is there."""
    here = properties
    for step in path[:-1]:
        inner = here.setdefault(step, {})
        if not isinstance(inner, dict):
            raise _invalid(".".join(path), "is part of something that is no object in this event")
        here = inner
    here[path[-1]] = value


def _remove(properties: dict[str, Any], path: Path) -> None:
    """Raises InvalidArgument if it is not there."""
    if not value_at(properties, path):
        raise _invalid(".".join(path), "is not there")
    here = properties
    for step in path[:-1]:
        here = here[step]
    del here[path[-1]]


def _written(before: Mapping[str, Any], path: Path) -> Path:
    """The place to write so that this path changes: the path, or the first object on it that is missing."""
    for length in range(1, len(path)):
        if not value_at(before, path[:length]):
            return path[:length]
    return path


def _check_sizes(
    catalog: Catalog, event_name: str, names: Iterable[str], properties: dict[str, Any]
) -> None:
    limits = catalog.limits
    for name in sorted(names):
        if (
            name in properties
            and len(exact_dumps({name: properties[name]})) > limits.property_bytes
        ):
            raise _invalid(name, f"must be at most {limits.property_bytes} bytes")
    raw = exact_dumps(properties)
    if len(raw) > limits.event_bytes:
        raise _invalid("*", f"must be at most {limits.event_bytes} bytes in all")
    try:
        read_properties(raw)
    except PropertiesError as error:
        raise _invalid("*", str(error)) from None
    dimensions = catalog.sent_dimensions.get(event_name)
    if dimensions is None or limits.longer_dimension is not LongerDimension.REJECT:
        return
    most = limits.dimension_characters
    for source, length in dimensions.lengths(properties):
        # What stays may be longer, by a catalog of before.
        if length > most and source.path[0] in names:
            why = f"must be at most {most} characters: numbers are split by it"
            raise _invalid(".".join(source.path), why)


def _check_schema(
    version: EventVersion,
    before: Mapping[str, Any],
    after: dict[str, Any],
    names: frozenset[str],
) -> None:
    """Raises InvalidArgument for the first rule that is broken now, of a changed property, or of another one
    that was not broken before: as that of a sealed value, which is another one by its form."""
    known = set(version.violations(dict(before)))
    for found in version.violations(after):
        name = (
            found.field.removeprefix("properties").lstrip(".").partition(".")[0].partition("[")[0]
        )
        if name in names or found not in known:
            raise InvalidArgument(found.reason, reason="PROPERTIES_INVALID", field=found.field)


def _invalid(path: str, why: str) -> InvalidArgument:
    return InvalidArgument(why, reason="PROPERTIES_INVALID", field=f"properties.{path}")
