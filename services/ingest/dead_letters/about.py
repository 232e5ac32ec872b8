"""Whom a dead letter is about, and whom it names. Pure.

Its event may be anything that a producer sent, here as JSON has it. About whom it is goes by the envelope, as
for stored events; if that names no person, any value tells it. An export hands out letters that are about the
person. An erasure also removes those that only name the person: a letter is no event, and its sender has the
answer why.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from libs.common.mentions import PersonIds, names_person

# Letters in which one of `traces` stands, which are bytes: what is found by chance, the others decide.
MAY_NAME = (
    "EXISTS (SELECT FROM unnest(CAST({} AS bytea[])) AS trace WHERE position(trace IN event) > 0)"
)
# Of the envelope, whose names of fields are no one's ids, the parts in which producers choose the names.
_FREE = ("properties", "extra")


def traces(ids: Sequence[str]) -> list[bytes]:
    """Byte strings of which each event that names one of the ids has one, wherever it names it: as a text, as
    one of JSON, whose writer may escape what is not ASCII, or as a number of a Struct, which is a double."""
    numbers = PersonIds(ids).numbers
    texts = (
        text
        for id_ in ids
        for text in (id_, json.dumps(id_, ensure_ascii=False)[1:-1], json.dumps(id_)[1:-1])
    )
    return [
        *(text.encode() for text in dict.fromkeys(texts)),
        *(struct.pack("<d", number) for number in sorted(numbers)),
    ]


def is_about(event: Mapping[str, Any], people: PersonIds) -> bool:
    """Whether an event is about the person with these ids. One of another person that names this one is the
    other's."""
    if subject_id := event.get("subject_id"):
        return subject_id in people.texts
    return names(event, people)


def names(event: Mapping[str, Any], people: PersonIds) -> bool:
    """Whether one of the ids stands anywhere in an event: as `libs.common.mentions` says, but that no number
    is a measure. What an event is that was rejected, no catalog says."""
    return any(
        names(value, people)
        if type(value) is dict and field not in _FREE
        else names_person(value, people)
        for field, value in event.items()
    )
