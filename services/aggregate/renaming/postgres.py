"""Puts pseudonyms in the place of people's own ids, which older releases kept as members."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, SourceKind
from libs.common.pseudonym import Pseudonymizer
from services.aggregate.plan import RollupPlan
from services.aggregate.plan_lookup import current_plans

# One short transaction each.
ROWS_AT_A_TIME = 5_000
ENOUGH_LOOKS = 2
# (cell, metric, member): a row of `aggregate.members`.
Member = tuple[uuid.UUID, str, str]
_FIRST = (uuid.UUID(int=0), "", "")
# What does not look like a pseudonym. A hash stands for an id that was too long to be kept, and is lost.
_PLAIN = text("""
    SELECT m.cell_id, m.metric, m.member
    FROM aggregate.members AS m JOIN aggregate.cells AS c USING (cell_id)
    WHERE c.app_id = :app_id AND c.rollup = :rollup AND m.metric = ANY(:metrics)
        AND (m.cell_id, m.metric, m.member) > (:cell_id, :metric, :member)
        AND m.member !~ '^([0-9a-f]{32}|blake2b:[0-9a-f]{64})$'
    ORDER BY m.cell_id, m.metric, m.member LIMIT :limit
""")
_MEMBERS = "unnest(CAST(:cells AS uuid[]), CAST(:metrics AS text[]), CAST(:members AS text[]))"
_DELETE = text(f"""
    DELETE FROM aggregate.members WHERE (cell_id, metric, member) IN (SELECT * FROM {_MEMBERS})
    RETURNING cell_id, metric, member
""")
# In the order of counting, so that the two never wait for each other.
_INSERT = text(f"""
    INSERT INTO aggregate.members (cell_id, metric, member) SELECT * FROM {_MEMBERS}
    ON CONFLICT DO NOTHING RETURNING cell_id, metric
""")
_LOWER = text("""
    UPDATE aggregate.measures AS m SET count = m.count - d.fewer, version = m.version + 1
    FROM unnest(CAST(:cells AS uuid[]), CAST(:metrics AS text[]), CAST(:fewer AS bigint[]))
        AS d (cell_id, metric, fewer)
    WHERE m.cell_id = d.cell_id AND m.metric = d.metric
""")


class MemberRenamer:
    """Renames the members of metrics that count people. Each transaction leaves counts and members in
    agreement, so it may end at any time and go on later."""

    def __init__(
        self,
        engine: AsyncEngine,
        catalogs: Catalogs,
        pseudonymizer: Pseudonymizer,
        rows_at_a_time: int = ROWS_AT_A_TIME,
    ) -> None:
        self._engine = engine
        self._catalogs = catalogs
        self._pseudonymizer = pseudonymizer
        self._rows_at_a_time = rows_at_a_time
        # How many looks in a row found nothing, by app, rollup and metrics.
        self._empty_looks: Counter[tuple[str, ...]] = Counter()

    async def rename(self) -> Mapping[str, int]:
        """Renames all: `renamed` members, of whom `merged` had been counted under both names.

        Each look reads all members of a rollup, so it is not looked at again after `ENOUGH_LOOKS` in a row
        that found nothing: this release adds no such members, but a process of an older one may have.

        Raises what Postgres raises; safe to cancel and to repeat.
        """
        totals = Counter(renamed=0, merged=0)
        for app_id, plan in current_plans(self._catalogs).items():
            for rollup in plan.rollups.values():
                if metrics := _metrics_of_people(rollup):
                    looked_at = (app_id, rollup.name, *metrics)
                    if self._empty_looks[looked_at] >= ENOUGH_LOOKS:
                        continue
                    question = {"app_id": app_id, "rollup": rollup.name, "metrics": metrics}
                    before = totals["renamed"]
                    await self._rename_all(question, app_id, totals)
                    found = totals["renamed"] > before
                    self._empty_looks[looked_at] = 0 if found else self._empty_looks[looked_at] + 1
        return totals

    async def _rename_all(
        self, question: Mapping[str, object], app_id: str, totals: Counter[str]
    ) -> None:
        after = _FIRST
        while True:
            place = dict(zip(("cell_id", "metric", "member"), after, strict=True))
            page = {**question, **place, "limit": self._rows_at_a_time}
            async with self._engine.begin() as connection:
                plain: list[Member] = [tuple(row) for row in await connection.execute(_PLAIN, page)]
                if not plain:
                    return
                after = plain[-1]
                # Only those: another process may have deleted some of them meanwhile.
                gone = await connection.execute(_DELETE, _columns(plain))
                deleted: list[Member] = [tuple(row) for row in gone]
                wanted = {
                    (cell_id, metric, self._pseudonymizer.pseudonym(app_id, member))
                    for cell_id, metric, member in deleted
                }
                new = await connection.execute(_INSERT, _columns(sorted(wanted)))
                fewer = Counter((cell_id, metric) for cell_id, metric, _ in deleted)
                fewer.subtract(Counter((row.cell_id, row.metric) for row in new))
                fewer = +fewer
                if fewer:
                    await connection.execute(_LOWER, _lowered(fewer))
            totals.update(renamed=len(deleted), merged=fewer.total())


def _metrics_of_people(rollup: RollupPlan) -> Sequence[str]:
    return [
        measure.name
        for measure in rollup.measures
        if measure.is_distinct
        and measure.source is not None
        and measure.source.kind is SourceKind.SUBJECT
    ]


def _columns(members: Sequence[Member]) -> Mapping[str, object]:
    return {
        "cells": [cell_id for cell_id, _, _ in members],
        "metrics": [metric for _, metric, _ in members],
        "members": [member for _, _, member in members],
    }


def _lowered(fewer: Mapping[tuple[uuid.UUID, str], int]) -> Mapping[str, object]:
    places = sorted(fewer)
    return {
        "cells": [cell_id for cell_id, _ in places],
        "metrics": [metric for _, metric in places],
        "fewer": [fewer[place] for place in places],
    }
