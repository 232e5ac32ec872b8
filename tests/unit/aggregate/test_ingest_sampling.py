"""What answers say of events of which ingest keeps a share."""

from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.events.postgres import BEGINNING, END
from services.aggregate.behaviour.cohorts.convert import cohorts_query, read_names
from services.aggregate.behaviour.convert import with_ingest_sampling
from tests.support.arena_catalog import APP, compile_arena

ARENA = compile_arena(
    lambda text: text.replace(
        "  match.left:\n    category: play\n",
        "  match.left:\n    category: play\n    sampling: {production: 0.1}\n",
    )
)


def test_an_event_that_is_sampled_is_named_with_its_share() -> None:
    cut = with_ingest_sampling(None, ARENA, ["match.ended", "match.left"])
    assert cut is not None
    assert cut.limit == "sampling"
    assert "0.1 of match.left:" in cut.detail
    assert "match.ended" not in cut.detail


def test_other_events_are_not_mentioned() -> None:
    assert with_ingest_sampling(None, ARENA, ["match.ended"]) is None


def test_what_else_is_left_out_stays() -> None:
    other = reliability_pb2.Cut(limit="max_groups", value=3, detail="smaller groups")
    assert with_ingest_sampling(other, ARENA, ["match.ended"]) == other
    both = with_ingest_sampling(other, ARENA, ["match.left"])
    assert both is not None
    assert (both.limit, both.value) == ("max_groups", 3)
    assert both.detail.startswith("smaller groups; ingest keeps 0.1 of match.left")


def test_cohorts_are_from_their_entries_and_activity() -> None:
    def names(**fields: object) -> frozenset[str]:
        request = pb.QueryCohortsRequest(app_id=APP, period="COHORT_PERIOD_DAY", **fields)  # type: ignore[arg-type]
        return read_names(cohorts_query(request, ARENA, (BEGINNING, END)), ARENA)

    activity = ARENA.rollups["activity"].events
    left = pb.Step(name="match.left")
    assert names() == activity
    assert names(event=left) == activity | {"match.left"}
    assert names(event=left, active_filter="name = match.ended") == {"match.left", "match.ended"}
