"""An erasure of a person whose events had left the stored ones before, by their sender's wish."""

from datetime import timedelta

from libs.common.pseudonym import Pseudonymizer
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_put_back import erased
from tests.integration.aggregate.test_recount import AT, NOW, change, count, differences, played
from tests.support.arena_catalog import APP
from tests.support.pseudonyms import PSEUDONYM_KEY

ANN = "ann-of-the-arena"
TODAY = f"{NOW:%Y-%m-%dT%H:%M:%S}"
# Rollups of cells that name her, by a member or by a dimension.
BUCKETS_OF_ANN = """
SELECT c.rollup FROM aggregate.cells AS c LEFT JOIN aggregate.members AS m USING (cell_id)
WHERE m.member = %(person)s OR strpos(c.dimensions::text, %(id)s) > 0
"""


async def test_no_open_bucket_names_the_person(stores: Stores, aggregate: Aggregate) -> None:
    [person] = Pseudonymizer(PSEUDONYM_KEY.encode()).all_epochs(APP, ANN)
    asked = {"person": person, "id": ANN}
    for when in (AT, TODAY):
        await count(
            stores,
            played(ANN, when, mode=f"/games/{ANN}/duel"),
            played("bob", when, mode="duel"),
        )
    assert {rollup for (rollup,) in stores.sql(BUCKETS_OF_ANN, asked)} >= {"matches", "activity"}
    # As retention does it for events with `retention_days`: no one notes days to count again.
    assert change(stores, f"DELETE FROM enrich.events WHERE subject_id = '{ANN}'") == 2
    found = await erased(aggregate, ANN, [person], NOW + timedelta(seconds=1))
    assert stores.sql(BUCKETS_OF_ANN, asked) == []
    # Of buckets that are over, a day of `activity` and a week of `matches`; the others are counted again.
    assert (found["aggregate.members"], found["aggregate.cells"]) == (2, 0)
    # Two hours of `events`, which names no one, and the day that is over still count what has left (ADR 28).
    assert await differences(aggregate) == 3
    # Of bob, by hand.
    assert stores.sql(
        "SELECT dimensions ->> 'mode', sum(count)::int FROM aggregate.cells JOIN aggregate.measures"
        " USING (cell_id) WHERE rollup = 'matches' AND metric = 'players' GROUP BY 1"
    ) == [("duel", 2)]
