"""Events of a category with `pii: none`: nothing of a person is kept of them, wherever it stands."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.consents import consent_text
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import PSEUDONYMS, Ingest, serialized

CATALOG = chess(
    CHESS.replace(
        "events:\n",
        "  health: {pii: none, producers: [server], retention: {raw: 30d, aggregate: 30d}}\n"
        "  speed:\n"
        "    pii: none\n"
        "    purpose: coaching\n"
        "    producers: [server]\n"
        "    retention: {raw: 30d, aggregate: 30d}\n"
        "events:\n",
    ).replace(
        "privacy_levels",
        """\
  service.started:
    category: health
    properties:
      service: {type: string}
      seconds: {type: integer}
      caller: {type: string, x-pii: true}
      on_call: {x-subject: true}
  page.loaded: {category: speed, properties: {ms: {type: integer}}}
privacy_levels""",
    )
)
LEVEL_PII = 3
HEALTHY: dict[str, Any] = {"service": "chat", "seconds": 3}
PLACES: dict[str, dict[str, Any]] = {
    "subject": {"subject_id": "canary"},
    "anonymous id": {"anonymous_id": "canary"},
    "session": {"session_id": "canary"},
    "teacher": {"context": {"teacher_id": "canary", "app_version": "3.1"}},
    "teacher among others": {
        "context": {"teacher_id": "canary"},
        "properties": {"by": {"canary": ["canary"]}},
    },
    "marked property": {"properties": {"caller": "canary"}},
    "marked as a person": {"properties": {"on_call": ["canary"]}},
    "the app's word for a person": {"properties": {"player": "canary"}},
    "entity": {"entity": {"type": "player", "id": "canary"}},
    "group": {"subject_id": "canary", "group_id": "canary"},
    "event id": {"subject_id": "canary", "event_id": "start-canary-1"},
    "request": {"subject_id": "canary", "request_id": "by-canary"},
    "mention": {"subject_id": "canary", "properties": {"by": {"canary": ["canary"]}}},
}


def _event(*places: str, **fields: Any) -> Any:
    merged: dict[str, Any] = {"name": "service.started", **fields}
    properties: dict[str, Any] = dict(HEALTHY)
    for place in places:
        found = dict(PLACES[place])
        properties |= found.pop("properties", {})
        merged |= found
    return event_of(**{"properties_json": orjson.dumps(properties), **merged})


@given(st.sets(st.sampled_from(sorted(PLACES)), min_size=1), st.sampled_from((0, LEVEL_PII)))
async def test_what_identifies_a_person_is_removed_and_the_sender_hears_of_it(
    places: set[str], level: int
) -> None:
    ingest = Ingest(catalog=CATALOG)
    outcome = await ingest.take(_event(*sorted(places), privacy_level=level))
    assert outcome.verdicts == [Verdict.ANONYMIZED]
    [stored] = ingest.stored()
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)
    # Not under a pseudonym either: that would still be one person's.
    for text in ("canary", "session\x00canary", "anonymous\x00canary"):
        assert PSEUDONYMS.pseudonym("chess", text).encode() not in serialized(append)
    assert (stored.subject_id, stored.anonymous_id, stored.session_id) == ("", "", "")
    assert properties_of(stored) == HEALTHY or properties_of(stored) == {**HEALTHY, "by": {}}


@given(st.sets(st.sampled_from(sorted(PLACES)), min_size=1), st.booleans())
async def test_its_dead_letter_holds_nothing_of_a_person_either(
    places: set[str], broken: bool
) -> None:
    event = _event(*sorted(places))
    if broken:
        event.properties_json = event.properties_json[:-1]
    else:
        event.producer = 1
    ingest = Ingest(catalog=CATALOG)
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)


async def test_inside_a_group_or_an_entity_not_even_a_pseudonym_stands() -> None:
    person = "550e8400-e29b-41d4-a716-446655440000"
    ingest = Ingest(catalog=CATALOG)
    entity = {"type": "pod", "id": f"{person}/p-1"}
    await ingest.take(_event(subject_id=person, group_id=f"of-{person}", entity=entity))
    [stored] = ingest.stored()
    assert (stored.entity.id, stored.group_id) == ("[person]/p-1", "of-[person]")
    assert person.encode() not in stored.SerializeToString()


async def test_an_event_without_a_person_stays_as_it_is() -> None:
    ingest = Ingest(catalog=CATALOG)
    context = {"app_version": "3.1", "ip": "198.51.100.23"}
    kept = _event(context=context, entity={"type": "pod", "id": "p-1"}, group_id="eu")
    broken = _event(event_id="e2", properties_json=b'{"service":3}')
    assert (await ingest.take(kept, broken)).verdicts == [Verdict.ACCEPTED, Verdict.REJECTED]
    [stored] = ingest.stored()
    assert (stored.entity.id, stored.group_id, stored.context.app_version) == ("p-1", "eu", "3.1")
    assert properties_of(stored) == HEALTHY
    [letter] = ingest.letters()
    assert letter.event.properties_json == b'{"service":3}'


@pytest.mark.parametrize(
    ("state", "verdict"), [({"coaching": True}, Verdict.ANONYMIZED), ({}, Verdict.DROPPED)]
)
async def test_a_purpose_that_drops_still_decides_first(
    state: dict[str, bool], verdict: Verdict
) -> None:
    ingest = Ingest({"canary": consent_text(1, **state)}, catalog=CATALOG)
    event = _event("subject", name="page.loaded", properties_json=b'{"ms":3}')
    assert (await ingest.take(event)).verdicts == [verdict]
    assert all(stored.subject_id == "" for stored in ingest.stored())


async def test_an_event_marked_pii_that_names_no_person_loses_session_and_marked_properties() -> (
    None
):
    ingest = Ingest()
    properties = b'{"moves":3,"email":"ann@example.com","opponent_name":"Ben"}'
    marked = event_of(session_id="s1", privacy_level=LEVEL_PII, properties_json=properties)
    marked.context.extra.update({"device": "d-1"})
    refused = event_of("e2", session_id="s1", privacy_level=LEVEL_PII, producer=1)
    outcome = await ingest.take(marked, refused)
    assert outcome.verdicts == [Verdict.ANONYMIZED, Verdict.REJECTED]
    [stored] = ingest.stored()
    [letter] = ingest.letters()
    session = PSEUDONYMS.pseudonym("chess", "session\x00s1")
    assert (stored.subject_id, stored.anonymous_id, stored.session_id) == ("", "", session)
    assert properties_of(stored) == {"moves": 3}
    assert not stored.context.HasField("extra")
    assert letter.event.session_id == session
