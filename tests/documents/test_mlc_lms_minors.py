"""MLC-LMS, COPPA (LMS039): nothing that identifies a child under 13 without a parent's consent."""

import json

import pytest

from services.ingest.intake.model import Verdict
from tests.support.documents.shipped import ingest_of, shipped_event
from tests.support.ingest_pipeline import Ingest, serialized

APP = "mlc_lms"
CHILD = b"7 =under_13"
# Granted by a guardian, and by the child alone.
GUARDED = b"8 =under_13 g+learning_progress g+user_interaction"
ALONE = b"8 =under_13 +learning_progress +user_interaction"
OLDER = b"7 =from_13"
CANARY = b"kim-canary"
LEVEL_PII = 3


async def _kept(state: bytes | None, name: str, **fields: object) -> Ingest:
    ingest = ingest_of(APP, {} if state is None else {"kim-canary": state})
    event = shipped_event(
        name,
        {},
        "api",
        subject_id="kim-canary",
        session_id="session-canary",
        context={"ip": "198.51.100.23"},
        **fields,
    )
    event.context.extra.update({"user_id": "kim-canary"})
    await ingest.take(event)
    return ingest


# Nothing is recorded; or a grant, without a word of age.
UNKNOWN = b"7 +learning_progress +user_interaction"


@pytest.mark.parametrize("state", [CHILD, ALONE, CHILD + b" -learning_progress", None, UNKNOWN])
@pytest.mark.parametrize("name", ["concept_mastered", "support_ticket_created"])
async def test_of_a_child_nothing_identifying_is_kept_without_a_guardian(
    state: bytes | None, name: str
) -> None:
    ingest = await _kept(state, name)
    [stored] = ingest.stored()
    assert (stored.subject_id, stored.session_id, stored.context.ip) == ("", "", "")
    assert not any(CANARY in serialized(append) for _, append in ingest.stream.appends)


@pytest.mark.parametrize("state", [GUARDED, OLDER])
@pytest.mark.parametrize("name", ["concept_mastered", "support_ticket_created"])
async def test_with_a_guardians_grant_and_of_older_users_the_name_is_kept(
    state: bytes, name: str
) -> None:
    [stored] = (await _kept(state, name)).stored()
    assert (stored.subject_id, stored.session_id) == ("kim-canary", "session-canary")


@pytest.mark.parametrize("state", [CHILD, None])
@pytest.mark.parametrize("name", ["concept_mastered", "no_such_event"])
async def test_a_rejected_event_of_a_child_is_kept_bare(name: str, state: bytes | None) -> None:
    ingest = await _kept(state, name, schema_version="9.9.9")
    [letter] = ingest.letters()
    event = letter.event
    assert (event.subject_id, event.anonymous_id, event.session_id) == ("", "", "")
    assert not event.HasField("context")
    assert CANARY not in letter.SerializeToString()


# What nothing declares, in an event with a declared property and in one without any.
AROUND = {"name": "Kim Canary", "birth_date": "2017-03-04", "address": {"street": "Canary Road 1"}}


@pytest.mark.parametrize(
    ("state", "level"),
    [(CHILD, 0), (None, 0), (OLDER, LEVEL_PII), (GUARDED, LEVEL_PII), (None, LEVEL_PII)],
)
@pytest.mark.parametrize(
    ("name", "declared"),
    [("concept_mastered", {"total_attempts": 3}), ("support_ticket_created", {})],
)
async def test_of_a_child_and_of_an_event_marked_pii_only_what_is_declared_is_kept(
    state: bytes | None, level: int, name: str, declared: dict[str, object]
) -> None:
    ingest = ingest_of(APP, {} if state is None else {"kim": state})
    event = shipped_event(
        name, {**declared, **AROUND}, "api", subject_id="kim", privacy_level=level
    )
    event.context.extra.update({"device_id": "canary-device"})
    event.context.platform = "web"
    assert (await ingest.take(event)).verdicts == [Verdict.ANONYMIZED]
    [stored] = ingest.stored()
    assert json.loads(stored.properties_json) == declared
    assert (stored.context.platform, stored.context.HasField("extra")) == ("web", False)


@pytest.mark.parametrize("state", [GUARDED, OLDER])
async def test_of_others_it_is_kept(state: bytes) -> None:
    ingest = ingest_of(APP, {"kim": state})
    event = shipped_event("support_ticket_created", AROUND, "api", subject_id="kim")
    await ingest.take(event)
    [stored] = ingest.stored()
    assert json.loads(stored.properties_json) == AROUND


async def test_the_verdict_says_that_it_was_anonymized() -> None:
    ingest = ingest_of(APP, {"kim": CHILD})
    outcome = await ingest.take(shipped_event("concept_mastered", {}, "api", subject_id="kim"))
    assert outcome.verdicts == [Verdict.ANONYMIZED]
