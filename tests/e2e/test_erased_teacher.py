"""MLC-LMS' results of classes after a teacher was erased: they are split by `context.teacher_id` of pupils'
events, so their buckets are counted again from what is stored then."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.common.v1 import event_pb2

from tests.support.erasing import Erasing, counts, new_person
from tests.support.stream_events import ids
from tests.support.suite_calls import SuiteCalls
from tests.support.waiting import eventually
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("suite")
APP = "mlc_lms"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
# By day, class and teacher: completions, passed, students, the average of the scores.
Results = dict[tuple[datetime, str, str], tuple[int, int, int, float]]
RECOUNT = """
SELECT date_trunc('day', occurred_at, 'UTC'), context ->> 'class_id',
    coalesce(context ->> 'teacher_id', ''), count(*),
    count(*) FILTER (WHERE CAST(properties ->> 'passed' AS boolean)),
    count(DISTINCT subject_id), CAST(avg(CAST(properties ->> 'score' AS int)) AS float)
FROM enrich.events WHERE app_id = %s AND name = 'game_stage_complete' AND group_id = %s GROUP BY 1, 2, 3
"""


def test_results_of_classes_lose_an_erased_teacher_and_no_completion(calls: SuiteCalls) -> None:
    erasing, organization = Erasing(calls, APP), f"org-{uuid.uuid4().hex}"
    leaving, staying = new_person("teacher"), new_person("teacher")
    ann, ben = new_person("pupil"), new_person("pupil")
    for each in (leaving, staying, ann, ben):
        calls.record_consent(APP, each, "from_13")
    yesterday = TODAY - timedelta(hours=5)
    done = [
        ("c1", leaving, ann, yesterday, 80),
        ("c1", leaving, ben, yesterday, 30),
        ("c1", leaving, ann, TODAY, 90),
        ("c2", leaving, ann, TODAY, 60),
        # In the same class and on the same day as one whose teacher goes.
        ("c1", staying, ben, yesterday, 70),
        ("c1", "", ben, yesterday, 40),
        ("c1", staying, ben, TODAY, 20),
        # The teacher has tried it, in a class of the other one.
        ("c2", staying, leaving, TODAY, 100),
    ]
    happened = [_finished(organization, *each) for each in done]
    assert calls.track(APP, *happened).counts.accepted == len(done)
    calls.stored("event_id", [event.event_id for event in happened])
    eventually(lambda: sum(row[0] for row in _shown(calls, organization).values()) == len(done))
    day = TODAY - timedelta(days=1)
    assert _shown(calls, organization)[day, "c1", leaving] == (2, 1, 2, 55.0)

    found = erasing.erase(leaving, without_grace=True)

    # The teacher's own event, and the four of pupils that named the teacher.
    assert counts(found)["enrich.events"] == (1, 4, 0)
    shown = _shown(calls, organization)
    # By hand: what was the teacher's is now no one's, with what was no one's before.
    assert shown == {
        (day, "c1", ""): (3, 1, 2, 50.0),
        (day, "c1", staying): (1, 1, 1, 70.0),
        (TODAY, "c1", ""): (1, 1, 1, 90.0),
        (TODAY, "c2", ""): (1, 1, 1, 60.0),
        (TODAY, "c1", staying): (1, 0, 1, 20.0),
    }
    recount = calls.query(RECOUNT, APP, organization)
    assert shown == {row[:3]: row[3:] for row in recount}
    for table in ("aggregate.cells", "aggregate.result_cells", "enrich.events"):
        naming = f"SELECT count(*) FROM {table} AS kept WHERE strpos(kept::text, %s) > 0"
        assert calls.query(naming, leaving) == [(0,)]

    # From the queue of a pupil's client, of before the erasure.
    late = _finished(organization, "c2", leaving, ann, yesterday, 10)
    assert calls.track(APP, late).counts.accepted == 1
    calls.stored("event_id", [late.event_id])
    eventually(lambda: _shown(calls, organization).get((day, "c2", "")) == (1, 0, 1, 10.0))
    naming = "SELECT FROM enrich.events AS kept WHERE strpos(kept::text, %s) > 0"
    assert calls.query(naming, leaving) == []


def _finished(
    organization: str, class_id: str, teacher: str, pupil: str, when: datetime, score: int
) -> event_pb2.Event:
    [event_id] = ids(1)
    context = {"class_id": class_id, "teacher_id": teacher}
    return build_event(
        "game_stage_complete",
        event_id=event_id,
        subject_id=pupil,
        group_id=organization,
        occurred_at=when,
        context={name: value for name, value in context.items() if value},
        properties={
            "game_id": "G-00001",
            "stage_id": "G-00001-quiz",
            "score": score,
            "passed": score >= 50,
        },
    )


def _shown(calls: SuiteCalls, organization: str) -> Results:
    """The rollup as QueryRollup answers it."""
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = pb.QueryRollupRequest(app_id=APP, rollup="class_results")
    request.dimensions["organization_id"] = organization
    getattr(request, "from").FromDatetime(TODAY - timedelta(days=1))
    request.to.FromDatetime(TODAY + timedelta(days=2))
    found: Results = {}
    for cell in stub.QueryRollup(request, metadata=calls.metadata).cells:
        of: dict[str, Any] = MessageToDict(cell.dimensions)
        key = cell.bucket_start.ToDatetime(UTC), of["class_id"], of["teacher_id"] or ""
        completions, passed, students = (
            round(cell.metrics.get(name, 0)) for name in ("completions", "passed", "students")
        )
        found[key] = completions, passed, students, cell.metrics["avg_score"]
    return found
