"""Where people are named around the properties of an event they go in the same way, whether it arrives, is in
quarantine or is stored."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from weir.common.v1.event_pb2 import Event

from libs.common.subject_data import Erasure, SubjectRef
from libs.streams.entries import raw_batch
from libs.streams.quarantined_batches import raw_without
from services.enrich.erasure.mentions import without_mentions
from services.enrich.erasure.model import NamingEvent
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.model import Outcome, Verdict
from tests.support.chess_catalog import chess
from tests.support.enrich_batches import NOON, entry_of, event
from tests.support.pseudonyms import PSEUDONYMS

CATALOG = chess()
LONG, SHORT = "teacher-4711-of-the-school", "anna"
# The hexadecimal digits of the long one's ASCII codes.
HEX = "746561636865722d343731312d6f662d7468652d7363686f6f6c"
BY_LONG, BY_SHORT = (PSEUDONYMS.pseudonym("chess", each) for each in (LONG, SHORT))


def _arriving(named: Event, person: SubjectRef) -> Event:
    left = Event.FromString(named.SerializeToString())
    outcome = Outcome([Verdict.ACCEPTED])
    Anonymizer(PSEUDONYMS).remove_people(CATALOG, None, left, [person.subject_id], 0, outcome)
    return left


def _quarantined(named: Event, person: SubjectRef) -> Event:
    entry = entry_of(named, event("another"))
    found = raw_without(entry.fields, Erasure(person, uuid.uuid4(), NOON), CATALOG)
    fields = found.fields if found else entry.fields
    assert fields
    left = raw_batch(fields).events[0]
    assert (left != named) == (found is not None)
    return left


def _stored(named: Event, person: SubjectRef) -> Event:
    row = NamingEvent(
        event_uuid=uuid.uuid5(uuid.NAMESPACE_OID, named.event_id),
        occurred_at=NOON,
        name=named.name,
        event_id=named.event_id,
        session_id=named.session_id or None,
        group_id=named.group_id or None,
        entity_type=named.entity.type or None,
        entity_id=named.entity.id or None,
        request_id=named.request_id or None,
        context=_plain(named.context) or None,
        attribution=_plain(named.attribution) or None,
        properties={},
    )
    types = CATALOG.subject_entity_types
    found = without_mentions(row, person, types, (), lambda _: uuid.UUID(int=7)) or row
    entity = {"type": found.entity_type or "", "id": found.entity_id or ""}
    return event(
        found.event_id or str(found.event_uuid),
        subject_id=named.subject_id,
        session_id=found.session_id or "",
        group_id=found.group_id or "",
        request_id=found.request_id or "",
        context=found.context,
        attribution=found.attribution,
        entity=entity if any(entity.values()) else None,
    )


def _plain(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


def _around(left: Event) -> dict[str, Any]:
    """What is around the properties, without empty messages."""
    found = _plain(left)
    found["context"] = {
        name: each for name, each in found.get("context", {}).items() if each not in ("", {})
    }
    names = ("session_id", "group_id", "entity", "request_id", "context", "attribution")
    return {name: found[name] for name in names if found.get(name)}


ERASURES = (_quarantined, _stored)
EVERYWHERE = pytest.mark.parametrize("cleaned", [_arriving, *ERASURES])
Cleaned = Callable[[Event, SubjectRef], Event]


@EVERYWHERE
@pytest.mark.parametrize(
    ("said", "left"),
    [
        pytest.param({"group_id": LONG}, {"group_id": BY_LONG}, id="group"),
        pytest.param({"group_id": f"of-{LONG}"}, {"group_id": f"of-{BY_LONG}"}, id="in a group"),
        pytest.param({"group_id": f"{HEX}/1"}, {"group_id": f"{BY_LONG}/1"}, id="hex in a group"),
        pytest.param({"session_id": LONG}, {}, id="session"),
        pytest.param(
            {"session_id": f"s-{LONG}"}, {"session_id": f"s-{BY_LONG}"}, id="in a session"
        ),
        pytest.param({"request_id": f"r-{LONG}"}, {}, id="request"),
        pytest.param(
            {"entity": {"type": "room", "id": f"{LONG}/7b"}},
            {"entity": {"type": "room", "id": f"{BY_LONG}/7b"}},
            id="in an entity",
        ),
        pytest.param(
            {"entity": {"type": "player", "id": LONG}},
            {"entity": {"type": "player", "id": BY_LONG}},
            id="a person",
        ),
        pytest.param(
            {"entity": {"type": LONG, "id": "7b"}}, {"entity": {"id": "7b"}}, id="type of an entity"
        ),
        pytest.param(
            {"context": {"teacher_id": LONG, "class_id": "7b", "page_url": f"/of/{LONG}?{HEX}"}},
            {"context": {"class_id": "7b", "page_url": "/of/[person]?[person]"}},
            id="context",
        ),
        pytest.param(
            {"context": {"extra": {"coach": LONG, f"of {LONG}": [LONG, f"a {LONG}"], "room": 12}}},
            {"context": {"extra": {"of [person]": ["a [person]"], "room": 12}}},
            id="extra",
        ),
        pytest.param(
            {"attribution": {"campaign": LONG, "source": "mail", "content": f"by {LONG}"}},
            {"attribution": {"source": "mail", "content": "by [person]"}},
            id="attribution",
        ),
    ],
)
def test_a_long_id_goes_wherever_it_stands(
    cleaned: Cleaned, said: Mapping[str, Any], left: Mapping[str, Any]
) -> None:
    named = event(f"to-{LONG}", subject_id="ben", **said)
    found = cleaned(named, SubjectRef("chess", LONG, (BY_LONG,)))
    assert _around(found) == left
    assert found.subject_id == "ben"
    assert LONG not in found.event_id
    assert LONG.encode() not in found.SerializeToString()


OF_PEOPLE: dict[str, Any] = {
    "entity": {"type": "player", "id": SHORT},
    "context": {"teacher_id": SHORT, "extra": {"coach": SHORT, SHORT: 1, "note": f"by {SHORT}"}},
}
OF_ANYTHING: dict[str, Any] = {
    "group_id": SHORT,
    "request_id": f"r-{SHORT}",
    "session_id": SHORT,
    "entity": {"type": "board", "id": SHORT},
    "context": {"app_version": SHORT, "page_url": f"/{SHORT}"},
    "attribution": {"campaign": SHORT},
}


@EVERYWHERE
def test_a_short_id_goes_where_ids_of_people_are(cleaned: Cleaned) -> None:
    found = cleaned(
        event("e", subject_id="ben", **OF_PEOPLE), SubjectRef("chess", SHORT, (BY_SHORT,))
    )
    assert _around(found) == {
        "entity": {"type": "player", "id": BY_SHORT},
        "context": {"extra": {"note": f"by {SHORT}"}},
    }


@pytest.mark.parametrize("cleaned", ERASURES)
def test_an_erasure_takes_a_short_id_elsewhere_for_something_else(cleaned: Cleaned) -> None:
    """An event of any other person is searched: the version 2 is not the person 2."""
    named = event(f"e-{SHORT}", subject_id="ben", **OF_ANYTHING)
    found = cleaned(named, SubjectRef("chess", SHORT, (BY_SHORT,)))
    assert _around(found) == OF_ANYTHING
    assert found.event_id == f"e-{SHORT}"


def test_of_an_arriving_event_that_names_the_person_a_short_id_goes_everywhere() -> None:
    named = event(f"e-{SHORT}", subject_id="ben", **OF_ANYTHING)
    found = _arriving(named, SubjectRef("chess", SHORT, (BY_SHORT,)))
    assert _around(found) == {
        "group_id": BY_SHORT,
        "entity": {"type": "board", "id": BY_SHORT},
        "context": {"page_url": f"/{SHORT}"},
    }
    assert SHORT not in found.event_id


def test_of_several_people_each_has_a_stand_in_of_its_own() -> None:
    """The longer id has the other one in it."""
    other = f"{LONG}-2"
    named = event(subject_id="ben", group_id=f"{LONG}+{other}", session_id=f"{other}/{HEX}")
    Anonymizer(PSEUDONYMS).remove_people(
        CATALOG, None, named, [LONG, other], 0, Outcome([Verdict.ACCEPTED])
    )
    by_other = PSEUDONYMS.pseudonym("chess", other)
    assert named.group_id == f"{BY_LONG}+{by_other}"
    assert named.session_id == f"{by_other}/{BY_LONG}"
