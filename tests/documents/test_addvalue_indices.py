"""The indices of AddValue: the document's example, and people whose numbers are worked out by hand."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from libs.catalog import NamedMetric, load_catalog
from libs.events.access import of_subject
from libs.events.postgres import snapshot_connection
from libs.stores.postgres import create_engine
from services.aggregate.named_metrics.confidence import confidence
from services.aggregate.named_metrics.model import Answer, Confidence, Span
from services.aggregate.named_metrics.people.indices import Did, index
from services.aggregate.named_metrics.people.postgres import OnePerson, PersonalMetrics
from services.aggregate.plan import compile_plan
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.repository import REPOSITORY
from tests.support.stored_cells import StoredCells
from tests.support.stored_events import row, store

CATALOG = load_catalog(REPOSITORY / "catalogs" / "addvalue.yaml")
FLOURISH = CATALOG.metrics["flourish_index"]
# A mood of 80, three micro-acts of four, seven community actions of ten, three days of four.
DID = [Did(1, Decimal(80)), Did(3), Did(7), Did(3)]
DAY = Span(datetime(2026, 5, 7, tzinfo=UTC), datetime(2026, 5, 8, tzinfo=UTC))
ANN, BOB, CAT = (PSEUDONYMS.pseudonym("addvalue", name) for name in ("ann", "bob", "cat"))


def of_four_days() -> NamedMetric:
    *others, consistency = FLOURISH.components
    return replace(FLOURISH, components=(*others, replace(consistency, target=Decimal(4))))


def test_the_example_of_the_document() -> None:
    """80 * 0.3 + 75 * 0.3 + 70 * 0.2 + 75 * 0.2"""
    answer = index(of_four_days(), DID)
    assert answer.value == 75.5
    assert answer.breakdown == {
        "mood_score": 80.0,
        "microact_score": 75.0,
        "community_score": 70.0,
        "consistency_score": 75.0,
    }
    assert (answer.data_points, answer.components) == (14, 4)
    assert confidence(FLOURISH.confidence, answer) is Confidence.MEDIUM


def test_without_community_the_other_weights_are_scaled_up() -> None:
    """(24 + 22.5 + 15) / 0.8"""
    did = [DID[0], DID[1], Did(), DID[3]]
    answer = index(of_four_days(), did)
    assert (answer.value, answer.components) == (76.875, 3)
    assert "community_score" not in answer.breakdown
    assert index(replace(of_four_days(), missing_is_zero=True), did).value == 61.5


def test_no_score_goes_beyond_a_hundred() -> None:
    answer = index(of_four_days(), [Did(), Did(9), Did(), Did()])
    assert (answer.value, answer.breakdown) == (100.0, {"microact_score": 100.0})


def test_without_any_event_there_is_no_index() -> None:
    assert index(FLOURISH, [Did()] * 4) == Answer(None)


def test_the_mood_at_the_end_goes_before_others() -> None:
    """Of 20, 70 and 90, the last two at the end."""
    mood = Did(3, Decimal(180), 2, Decimal(160))
    assert index(FLOURISH, [mood, Did(), Did(), Did()]).value == 80.0


def event(name: str, who: str | None, when: str = "2026-05-07T12:00:00", **properties: Any) -> Any:
    return row(
        name,
        when,
        app_id="addvalue",
        subject_id=who,
        anonymous_id=None if who else ANN,
        properties=properties,
    )


@pytest.fixture
async def metrics(
    database_url: str, role_url: Callable[[str], str]
) -> AsyncIterator[Callable[[str | None], PersonalMetrics]]:
    store(
        database_url,
        [
            event("activation_mood_logged", "ann", mood_score=20, phase="start"),
            event("activation_mood_logged", "ann", mood_score=80, phase="end"),
            *(event("microact_created", "ann") for _ in range(3)),
            event("post_created", "ann"),
            event("user_followed", "ann"),
            event("microact_created", "bob", "2026-05-07T23:59:59.999999"),
            # Of the days before and after, and of a time when ann did not agree.
            event("microact_created", "ann", "2026-05-06T23:59:59.999999"),
            event("microact_created", "ann", "2026-05-08T00:00:00"),
            event("post_created", None),
        ],
    )
    cells = StoredCells(database_url, "addvalue")
    for day, people in {
        "2026-04-30": [ANN],
        "2026-05-01": [ANN, CAT],
        "2026-05-03": [ANN],
        "2026-05-05": [ANN],
        "2026-05-06": [ANN],
        "2026-05-07": [ANN, BOB],
        "2026-05-08": [ANN, BOB, CAT],
    }.items():
        cells.add("activity", day, people={"active_users": people})
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    async with snapshot_connection(engine) as connection:

        def of(name: str | None) -> PersonalMetrics:
            person = None
            if name:
                access = of_subject(PSEUDONYMS, "addvalue", name)
                person = OnePerson(access, PSEUDONYMS.all_epochs("addvalue", name))
            return PersonalMetrics(connection, compile_plan(CATALOG), person)

        yield of
    await engine.dispose()


async def test_a_person_and_all_people_have_the_same_numbers(
    metrics: Callable[[str | None], PersonalMetrics],
) -> None:
    """Ann: 24 + 75 * 0.3 + 20 * 0.2 + 0.2 * 500 / 7 with five active days of May 1 to 7; bob: a micro-act of
    four, and one day, (0.3 * 25 + 0.2 * 100 / 7) / 0.5; cat: one day of seven, and nothing else."""
    expected = {ANN: 50.5 + 100 / 7, BOB: 15 + 40 / 7, CAT: 100 / 7}
    everyone = await metrics(None).answers(FLOURISH, DAY)
    assert {person: answer.value for person, answer in everyone.items()} == pytest.approx(expected)
    assert everyone[ANN].data_points == 2 + 3 + 2 + 5
    for name, person in (("ann", ANN), ("bob", BOB), ("cat", CAT)):
        assert await metrics(name).answers(FLOURISH, DAY) == {"": everyone[person]}
    assert await metrics("dan").answers(FLOURISH, DAY) == {"": Answer(None)}


async def test_the_add_value_index(metrics: Callable[[str | None], PersonalMetrics]) -> None:
    """Ann: three micro-acts of four and one post of five, (0.3 * 75 + 0.3 * 20) / 0.6; bob: 25."""
    found = await metrics(None).answers(CATALOG.metrics["add_value_index"], DAY)
    values = {person: answer.value for person, answer in found.items()}
    assert values == pytest.approx({ANN: 47.5, BOB: 25.0})
    low = confidence(CATALOG.metrics["add_value_index"].confidence, found[BOB])
    assert low is Confidence.LOW


async def test_streaks(metrics: Callable[[str | None], PersonalMetrics]) -> None:
    """Ann from May 5 to 7; cat was not active on May 7."""
    streak = CATALOG.metrics["streak"]
    found = await metrics(None).answers(streak, DAY)
    assert {person: answer.value for person, answer in found.items()} == {ANN: 3.0, BOB: 1.0}
    for name, length in (("ann", 3.0), ("cat", 0.0), ("dan", 0.0)):
        [answer] = (await metrics(name).answers(streak, DAY)).values()
        assert answer.value == length


async def test_features(metrics: Callable[[str | None], PersonalMetrics]) -> None:
    found = await metrics(None).answers(CATALOG.metrics["features"], DAY)
    assert found[BOB] == Answer(1.0, {"microact_created": 1.0}, 1)
    assert found[ANN].breakdown == {
        "activation_mood_logged": 2.0,
        "microact_created": 3.0,
        "post_created": 1.0,
        "user_followed": 1.0,
    }
    assert await metrics("ann").answers(CATALOG.metrics["features"], DAY) == {"": found[ANN]}
