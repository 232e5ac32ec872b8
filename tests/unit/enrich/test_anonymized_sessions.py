"""On its due day an event's session becomes the pseudonym that ingest would have stored, once only."""

import uuid

import pytest

from libs.catalog import compile_catalog
from services.enrich.anonymization.anonymize import PersonalFields, anonymized
from services.enrich.anonymization.due import due_in
from tests.support.anonymizing import CATALOG, NOW
from tests.support.pseudonyms import PSEUDONYMS

HASHED = PSEUDONYMS.pseudonym("chess", "session\x00s1")


@pytest.mark.parametrize(
    ("collection", "sent", "stored"),
    [
        ("", "s1", HASHED),
        # The app's own ids may look like pseudonyms, unless it has all of them replaced.
        ("", HASHED, PSEUDONYMS.pseudonym("chess", f"session\x00{HASHED}")),
        ("collection: {session_id: hashed}\n", HASHED, HASHED),
        # Of an event from before the catalog said so.
        ("collection: {session_id: hashed}\n", "s1", HASHED),
    ],
)
def test_the_session_of_a_person_is_replaced_once(collection: str, sent: str, stored: str) -> None:
    [due] = due_in(compile_catalog(CATALOG + collection, "chess.yaml"), NOW)
    event = PersonalFields(
        event_uuid=uuid.uuid4(),
        event_id=None,
        subject_id="ann",
        anonymous_id=None,
        person=None,
        session_id=sent,
        group_id=None,
        entity_type=None,
        entity_id=None,
        request_id=None,
        context=None,
        attribution=None,
        properties={},
    )
    assert anonymized(PSEUDONYMS, due, event).session_id == stored
