"""However events are cut into batches and chunks, in whatever order and how often they are delivered,
the numbers are those of a plain recount of the distinct batches' events."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.ids import new_uuid7
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.values import cell_values
from tests.support.aggregate_batches import batch, event
from tests.support.aggregate_fakes import MemoryCountingStore
from tests.support.arena_catalog import APP, plan
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

NUMBERS = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from([None, True, "9", 0.1, 0.2, 0.3]),
)
ANN = PSEUDONYMS.pseudonym(APP, "ann")
NAMES = {ANN: "ann"}
EVENTS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["match.ended", "match.left"]),
        "when": st.datetimes(datetime(2024, 2, 26), datetime(2024, 3, 5)),
        "player": st.sampled_from(["", "ann", "bob", "x" * 400]),
        "pseudonym": st.sampled_from(["", "p1", ANN]),
        "guild": st.sampled_from(["", "g1"]),
        "score": NUMBERS,
        "mode": st.sampled_from([None, "a", 1, 2.5]),
    }
)


@settings(max_examples=100)
@given(st.lists(st.lists(EVENTS, max_size=6), max_size=8), st.data())
def test_the_numbers_depend_on_nothing_but_the_events(
    contents: list[list[dict[str, Any]]], data: st.DataObject
) -> None:
    batches = [_batch(events) for events in contents]
    delivered = data.draw(st.permutations(batches * 2), label="order")
    cuts = data.draw(
        st.lists(st.integers(0, len(delivered)), max_size=5).map(sorted), label="chunks"
    )
    store = MemoryCountingStore()
    known = KnownMembers(data.draw(st.sampled_from([0, 2, 1_000]), label="known"))
    counter = BatchCounter(store, known, CellIdentity(3), PSEUDONYMS, FixedClock.of_us())

    async def deliver() -> None:
        for start, end in zip([0, *cuts], [*cuts, len(delivered)], strict=True):
            if start < end:
                await counter.count(delivered[start:end], {APP: plan()})

    asyncio.run(deliver())
    assert _stored(store) == _recount([one for events in contents for one in events])


def _batch(events: list[dict[str, Any]]) -> Any:
    return batch(
        *(
            event(
                one["name"],
                one["when"].isoformat(),
                player=one["player"],
                pseudonym=one["pseudonym"],
                guild=one["guild"],
                properties={"score": one["score"], "mode": one["mode"]},
            )
            for one in events
        ),
        batch_id=new_uuid7(),
    )


def _stored(store: MemoryCountingStore) -> dict[tuple[Any, ...], Any]:
    found = {}
    for cell_id, cell in store.cells.items():
        measures = {
            metric: measure
            for (owner, metric), (measure, _) in store.measures.items()
            if owner == cell_id
        }
        values = cell_values(plan().rollups[cell.rollup], measures)
        bucket = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=cell.bucket)
        found[cell.rollup, bucket, cell.dimensions.decode()] = values
    assert {key[0] for key in store.measures} == set(store.cells)
    return found


def _recount(events: list[dict[str, Any]]) -> dict[tuple[Any, ...], Any]:
    """Independent of the code under test: no plan, no folding, no decimals."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for one in events:
        when = one["when"].replace(tzinfo=UTC)
        day = when.replace(hour=0, minute=0, second=0, microsecond=0)
        hour = when.replace(minute=0, second=0, microsecond=0)
        monday = day - timedelta(days=when.isoweekday() - 1)
        name, guild = one["name"], f'"{one["guild"]}"' if one["guild"] else "null"
        groups["events", hour, f'{{"name":"{name}"}}'].append(one)
        groups["activity", day, "{}"].append(one)
        groups[
            "scores",
            day.replace(day=1),
            '{"country":null,"entity_type":null,"platform":null,"producer":"server"}',
        ].append(one)
        if name == "match.ended":
            mode = {None: "null", "a": '"a"', 1: "1", 2.5: "2.5"}[one["mode"]]
            groups["matches", monday, f'{{"guild_id":{guild},"mode":{mode}}}'].append(one)
    answers = {}
    for key, members in groups.items():
        people = {one["player"] or NAMES.get(one["pseudonym"], one["pseudonym"]) for one in members}
        people -= {""}
        numbers = [one["score"] for one in members if type(one["score"]) in (int, float)]
        exact = sum((Fraction(repr(number)) for number in numbers), Fraction(0))
        values: dict[str, float] = {}
        if key[0] == "events":
            values["events"] = len(members)
        elif key[0] == "activity" and people:
            values["active_users"] = len(people)
        elif key[0] == "scores" and numbers:
            values["score"] = float(exact)
        elif key[0] == "matches":
            values["matches"] = len(members)
            if people:
                values["players"] = len(people)
            if numbers:
                values["score"] = float(exact)
                values["mean"] = float(exact / len(numbers))
                values["worst"], values["best"] = float(min(numbers)), float(max(numbers))
        if values:
            answers[key] = values
    return answers
