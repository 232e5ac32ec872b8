"""What of an event stays when its person is erased and it is kept for the numbers. Pure.

What retention takes out on the due day goes first. There the pseudonym stays, by which people are counted:
who has the id and the key can make it again. So here it goes as well, with everything else by which two
events could be found to be one person's, or one device's, unless a number of the catalog reads it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from libs.catalog import Catalog, EventType, SourceKind
from libs.common.mentions import Path, PersonIds, properties_without_mentions
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import Erasure, SubjectRef
from services.enrich.anonymization.anonymize import PersonalFields, anonymized
from services.enrich.anonymization.due import Due, due_of

# What stands in a property in the place of the person's id.
ANONYMIZED = "anonymized"
# Of these no number is worth it: they tell one device from all others.
_NEVER = frozenset({"ip", "user_agent"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the events of one name is personal, and which other values of theirs numbers read: `read` as a
    catalog writes these, `country` or `context.platform`, and `paths` into the properties. `choices` are the
    properties whose values the catalog lists."""

    due: Due
    read: frozenset[str]
    paths: frozenset[Path]
    choices: frozenset[str]
    hashed: frozenset[str]


def rules_of(catalog: Catalog, event: EventType, erasure: Erasure) -> Rules:
    """The rules for the events of a name."""
    hashed = catalog.collection.hashed
    due = due_of(catalog, event, 0, erasure.fenced_at)
    sources = [
        source
        for rollup in catalog.rollups.values()
        if event.name in rollup.events
        for source in rollup.sources
    ]
    read = frozenset(str(each) for each in sources if each.kind is not SourceKind.PROPERTY)
    paths = frozenset(
        each.path
        for each in sources
        if each.kind is SourceKind.PROPERTY and hashed.isdisjoint(each.path)
    )
    return Rules(replace(due, private=due.private | hashed), read, paths, _choices(event), hashed)


def _choices(event: EventType) -> frozenset[str]:
    """The properties that every version which has them declares as one of some values."""
    choices: set[str] = set()
    others: set[str] = set()
    for version in event.versions.values():
        declared = version.schema.get("properties")
        for name, schema in declared.items() if isinstance(declared, dict) else ():
            is_choice = isinstance(schema, dict) and "enum" in schema
            (choices if is_choice else others).add(name)
    return frozenset(choices - others)


def anonymous(
    pseudonymizer: Pseudonymizer,
    rules: Rules,
    subject: SubjectRef,
    fields: PersonalFields,
    enriched: Mapping[str, Any],
) -> tuple[PersonalFields, Mapping[str, Any]]:
    """The event without its person, who is `subject`; `enriched` has what enrichment found, by column. It has
    a new id at random: the old one stands in what its sender has logged, and in the person's own export."""
    ids = PersonIds(subject.ids)
    # Of an event under the pseudonym, too, it is known now whose id must not be in it.
    found = anonymized(pseudonymizer, rules.due, replace(fields, subject_id=subject.subject_id))
    entity_type, entity_id = _entity(rules, found, ids)
    return (
        replace(
            found,
            event_uuid=uuid.uuid4(),
            event_id=None,
            anonymous_id=None,
            person=None,
            session_id=None,
            group_id=_without(found.group_id, ids) if "group_id" in rules.read else None,
            entity_type=entity_type,
            entity_id=entity_id,
            request_id=None,
            context=_read_values(rules, "context", found.context, ids),
            attribution=_read_values(rules, "attribution", found.attribution, ids),
            properties=_properties(rules, fields.properties, found.properties, ids),
        ),
        {name: value if name in rules.read else None for name, value in enriched.items()},
    )


def _without(text: str | None, ids: PersonIds) -> str | None:
    """The id of a group or an entity without the person; None if it is the person."""
    return None if not text or text in ids.texts else ids.redacted(text)


def _entity(rules: Rules, found: PersonalFields, ids: PersonIds) -> tuple[str | None, str | None]:
    is_read = "entity.type" in rules.read or "entity.id" in rules.read
    if not is_read or found.entity_type in rules.hashed:
        return None, None
    if "entity.id" not in rules.read:
        return found.entity_type, None
    return found.entity_type, _without(found.entity_id, ids)


def _read_values(
    rules: Rules, part: str, values: Mapping[str, Any] | None, ids: PersonIds
) -> Mapping[str, Any] | None:
    """The values of the context or the attribution that numbers read; None without any."""
    never = _NEVER | rules.hashed
    read = {
        name: value
        for name, value in (values or {}).items()
        if f"{part}.{name}" in rules.read and name not in never
    }
    return properties_without_mentions(read, ids, ()) or None


def _properties(
    rules: Rules, before: Mapping[str, Any], found: Mapping[str, Any], ids: PersonIds
) -> Mapping[str, Any]:
    """Numbers, and what numbers are made of. Other texts are what the person wrote, or lead to what the
    person made. Where the person's id had a property of its own, it says that it is gone, as AddValue's
    document has it."""
    kept = {
        name: value
        for name, value in found.items()
        if value is None or isinstance(value, bool | int | float) or name in rules.choices
    }
    for path in rules.paths:
        _keep(kept, found, path)
    left = properties_without_mentions(kept, ids, (), rules.due.measures)
    name = rules.due.subject_name
    return {**left, name: ANONYMIZED} if name in before else left


def _keep(kept: dict[str, Any], found: Mapping[str, Any], path: Path) -> None:
    """Adds the value at a path of `found` to `kept`, and of the objects around it nothing else."""
    *around, last = path
    for name in around:
        inner = found.get(name)
        if not isinstance(inner, dict):
            return
        # One that is kept as a whole, because a shorter path is read too, has all that is in it already.
        if kept.get(name) is inner:
            return
        found, kept = inner, kept.setdefault(name, {})
    if last in found:
        kept[last] = found[last]
