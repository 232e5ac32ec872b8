"""Events that name their teacher, in an app whose numbers are split by teachers."""

import orjson
import pytest
from weir.common.v1 import event_pb2

from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.consents import consent_text
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import NO_TELEMETRY, Ingest

BY_TEACHER = f"""{CHESS}
rollups:
  taught:
    events: [game.ended]
    period: day
    dimensions: [context.teacher_id]
    metrics: {{games: count}}
"""
TEACHER = "teacher-0001-of-chess"


def _lesson(schema_version: str = "") -> event_pb2.Event:
    properties = {"moves": 3, "coach": TEACHER, "note": f"with {TEACHER}"}
    event = event_of(
        subject_id="ann", properties_json=orjson.dumps(properties), schema_version=schema_version
    )
    event.context.teacher_id, event.context.class_id = TEACHER, "7b"
    return event


async def test_a_teacher_who_said_no_goes_from_the_events_of_learners() -> None:
    ingest = Ingest({TEACHER: NO_TELEMETRY}, catalog=chess(BY_TEACHER))
    assert (await ingest.take(_lesson())).verdicts == [Verdict.ACCEPTED]
    [stored] = ingest.stored()
    assert (stored.subject_id, stored.context.teacher_id, stored.context.class_id) == (
        "ann",
        "",
        "7b",
    )
    assert properties_of(stored) == {"moves": 3, "note": "with [person]"}


@pytest.mark.parametrize(
    ("states", "catalog"),
    [
        pytest.param({}, BY_TEACHER, id="who said nothing"),
        pytest.param(
            {},
            BY_TEACHER.replace("telemetry: {default: granted", "telemetry: {default: denied"),
            id="whom a default would deny",
        ),
        pytest.param({TEACHER: consent_text(1, telemetry=True)}, BY_TEACHER, id="who agreed"),
        pytest.param(
            {TEACHER: consent_text(1, coaching=False)}, BY_TEACHER, id="of another purpose"
        ),
        pytest.param({TEACHER: NO_TELEMETRY}, CHESS, id="of whom nothing is counted"),
    ],
)
async def test_any_other_teacher_stays(states: dict[str, bytes], catalog: str) -> None:
    ingest = Ingest({"ann": consent_text(1, telemetry=True), **states}, catalog=chess(catalog))
    assert (await ingest.take(_lesson())).verdicts == [Verdict.ACCEPTED]
    [stored] = ingest.stored()
    assert stored.context.teacher_id == TEACHER
    assert properties_of(stored)["coach"] == TEACHER


async def test_the_dead_letter_of_a_rejected_event_loses_the_teacher_too() -> None:
    ingest = Ingest({TEACHER: NO_TELEMETRY}, catalog=chess(BY_TEACHER))
    assert (await ingest.take(_lesson(schema_version="9.0.0"))).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.event.context.class_id == "7b"
    assert TEACHER not in str(letter)
