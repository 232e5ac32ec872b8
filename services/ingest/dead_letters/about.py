"""Whom a dead letter is about, and whom it names. Pure.

Its event may be anything that a producer sent, here as JSON has it. About whom it is goes by the envelope, as
for stored events; if that names no person, a long id in any value tells it. An export hands out letters that
are about the person. An erasure also removes those that only name the person: a letter is no event, and its
sender has the answer why.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from libs.catalog import Catalog
from libs.common.mentions import PersonIds, forms_of, in_json, names_person

# Letters in which one of `traces` stands, which are bytes: what is found by chance, the others decide.
MAY_NAME = (
    "EXISTS (SELECT FROM unnest(CAST({} AS bytea[])) AS trace WHERE position(trace IN event) > 0)"
)


def traces(ids: Sequence[str]) -> list[bytes]:
    """Byte strings of which each event that names one of the ids has one, wherever it names it: as a text, as
    one of JSON, whose writer may escape what is not ASCII and the `/`, encoded, or as a number of a Struct,
    which is a double."""
    numbers = PersonIds(ids).numbers
    texts = (text for id_ in ids for form in forms_of(id_) for text in in_json(form))
    return [
        *(text.encode() for text in dict.fromkeys(texts)),
        *(struct.pack("<d", number) for number in sorted(numbers)),
    ]


def is_about(event: Mapping[str, Any], people: PersonIds, catalog: Catalog | None) -> bool:
    """Whether an event is about the person with these ids. One of another person that names this one is the
    other's, also if only a stand-in says who it is. What names no person is about those whose long ids stand
    in it: a short one may be another person's number."""
    for field in ("subject_id", "anonymous_id"):
        if id_ := event.get(field):
            return id_ in people.texts
    long = people.long_ones()
    return _is_person_of(event, people, catalog) or _stands_in(event, long, long, catalog)


def names(event: Mapping[str, Any], people: PersonIds, catalog: Catalog | None) -> bool:
    """Whether an event names one of the people: a field of the envelope that may have a person's id, or what
    the producer has named itself, as `libs.common.mentions` says. Anywhere else only a long id does: a short
    one is a version there, or a class."""
    return _is_person_of(event, people, catalog) or _stands_in(
        event, people, people.long_ones(), catalog
    )


def _is_person_of(event: Mapping[str, Any], people: PersonIds, catalog: Catalog | None) -> bool:
    """Whether a field of the envelope that has a person's id has one of these."""
    if any(event.get(field) in people.texts for field in ("subject_id", "anonymous_id")):
        return True
    if event.get("context", {}).get("teacher_id") in people.texts:
        return True
    entity = event.get("entity", {})
    types = catalog.subject_entity_types if catalog else ()
    return entity.get("type") in types and entity.get("id") in people.texts


def _stands_in(
    event: Mapping[str, Any], people: PersonIds, long: PersonIds, catalog: Catalog | None
) -> bool:
    """Whether one of the people is named where producers choose the names, or one of `long` elsewhere."""
    for field, value in event.items():
        if field == "properties":
            found = names_person(value, people, catalog.measures if catalog else ())
        elif field == "extra":
            found = names_person(value, people)
        elif type(value) is dict:
            found = _stands_in(value, people, long, catalog)
        else:
            found = names_person(value, long)
        if found:
            return True
    return False
