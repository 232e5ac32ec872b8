"""What stays of an erased person's event: what numbers read, but for what tells one device from others."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.catalog import compile_catalog
from libs.common.subject_data import Erasure, SubjectRef
from services.enrich.anonymization.anonymize import PersonalFields
from services.enrich.erasure.anonymous import anonymous, rules_of
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.small_catalog import SMALL

CATALOG = compile_catalog(
    SMALL.replace("events:\n", "collection: {hashed: [device_id, tablet]}\nevents:\n", 1)
    .replace("mode: {type: string}", "mode: {type: object}, device_id: {type: string}")
    .replace("rated: {type: boolean}", "post: {type: object}")
    + """
rollups:
  ended:
    events: [game.ended]
    period: day
    dimensions: [group_id, entity.type, entity.id, attribution.campaign, context.ip, context.user_agent,
      country, properties.mode.speed, properties.mode.players.count, properties.mode.device_id]
    metrics: {ended: count}
  started:
    events: [game.started]
    period: day
    dimensions: [entity.type, properties.post, properties.post.kind]
    metrics: {started: count}
""",
    "chess.yaml",
)
ANNA = SubjectRef("chess", "anna", tuple(PSEUDONYMS.all_epochs("chess", "anna")))
EVENT = PersonalFields(
    event_uuid=uuid.UUID(int=1),
    event_id="e1",
    subject_id="anna",
    anonymous_id=None,
    person=None,
    session_id="s1",
    group_id="club 7",
    entity_type="board",
    entity_id="board 3",
    request_id="r1",
    context={"ip": "203.0.113.0", "user_agent": "Firefox", "platform": "ios"},
    attribution={"campaign": "spring", "source": "mail"},
    properties={
        "moves": 3,
        "device_id": "9" * 32,
        "mode": {
            "speed": "fast",
            "note": "mine",
            "device_id": "9" * 32,
            "players": {"count": 2, "names": ["x"]},
        },
        "post": {"kind": "poem", "body": ["mine", "anna"]},
    },
)


def _left(
    name: str, subject: SubjectRef = ANNA, **fields: Any
) -> tuple[PersonalFields, dict[str, Any]]:
    erasure = Erasure(subject, uuid.uuid4(), datetime(2026, 11, 20, tzinfo=UTC))
    rules = rules_of(CATALOG, CATALOG.events[name], erasure)
    enriched = {"country": "DE", "os": "iOS"}
    event, found = anonymous(PSEUDONYMS, rules, subject, replace(EVENT, **fields), enriched)
    return event, dict(found)


def test_what_numbers_read_stays_but_for_address_and_device() -> None:
    event, enriched = _left("game.ended")
    assert (event.group_id, event.entity_type, event.entity_id) == ("club 7", "board", "board 3")
    # Read by the rollup as well: the address, the user agent, and what is stored as a hash.
    assert event.context is None
    assert event.attribution == {"campaign": "spring"}
    assert event.properties == {"moves": 3, "mode": {"speed": "fast", "players": {"count": 2}}}
    assert enriched == {"country": "DE", "os": None}


def test_a_property_that_is_read_as_a_whole_stays_so() -> None:
    event, enriched = _left("game.started")
    # The type of the entity alone is read.
    assert (event.group_id, event.entity_type, event.entity_id) == (None, "board", None)
    assert event.properties == {"moves": 3, "post": {"kind": "poem", "body": ["mine"]}}
    assert enriched == {"country": None, "os": None}


def test_of_what_no_number_reads_nothing_stays_but_numbers() -> None:
    event, enriched = _left("club.joined")
    nothing = (None, None, None, None, None)
    assert (
        event.group_id,
        event.entity_type,
        event.entity_id,
        event.context,
        event.attribution,
    ) == nothing
    assert event.properties == {"moves": 3}
    assert enriched == {"country": None, "os": None}


@pytest.mark.parametrize("own", [ANNA.subject_id, ANNA.persons[0]])
def test_a_group_or_an_entity_that_is_the_person_goes(own: str) -> None:
    event, _ = _left("game.ended", group_id=own, entity_id=own)
    assert (event.group_id, event.entity_type, event.entity_id) == (None, "board", None)


def test_a_long_id_inside_that_of_a_group_or_an_entity_goes() -> None:
    """So does the pseudonym that retention has put in its place before."""
    person_id = "player-4711-of-the-club"
    pseudonym = PSEUDONYMS.pseudonym("chess", person_id)
    player = SubjectRef("chess", person_id, (pseudonym,))
    fields = {"group_id": f"team-of-{person_id}", "entity_id": f"{pseudonym}/board"}
    event, _ = _left("game.ended", player, subject_id=person_id, **fields)
    assert (event.group_id, event.entity_id) == ("team-of-[person]", "[person]/board")


def test_an_entity_whose_ids_are_stored_as_hashes_goes() -> None:
    event, _ = _left("game.ended", entity_type="tablet", entity_id="8" * 32)
    assert (event.entity_type, event.entity_id) == (None, None)
