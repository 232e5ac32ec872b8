"""Reads metrics of single people from Postgres, over a connection of the caller."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import Component, ComponentKind, NamedKind, NamedMetric, Term
from libs.events.access import Access
from libs.events.person_totals import PersonTotals, Total
from services.aggregate.named_metrics.model import Answer, Span
from services.aggregate.named_metrics.people.indices import Did, index
from services.aggregate.named_metrics.people.streaks import Streaks
from services.aggregate.named_metrics.sql import measure_of
from services.aggregate.plan import AppPlan

# A streak is not counted any further back.
LONGEST_STREAK_DAYS = 1_000
_DAYS_AT_ONCE = 32
_DAY = timedelta(days=1)
# On which days people were counted by a rollup.
_ACTIVE = text("""
SELECT DISTINCT c.bucket, m.member
FROM aggregate.cells AS c JOIN aggregate.members AS m USING (cell_id)
WHERE c.app_id = :app_id AND c.rollup = :rollup AND c.bucket >= :start AND c.bucket < :end
    AND m.metric = :metric
    AND (CAST(:people AS text[]) IS NULL OR m.member = ANY(CAST(:people AS text[])))
""")
_ONE = ""


@dataclass(frozen=True, slots=True)
class OnePerson:
    """A person: the events that name them, and the pseudonyms that they have had."""

    access: Access
    pseudonyms: Sequence[str]


class PersonalMetrics:
    """Metrics of one person, called "", or of all people, by their pseudonyms. The connection's transaction
    has to see one state of events and tables: `libs.events.postgres.snapshot_connection`."""

    def __init__(self, connection: AsyncConnection, app: AppPlan, person: OnePerson | None) -> None:
        self._connection = connection
        self._app = app
        self._person = person

    async def answers(self, metric: NamedMetric, day: Span) -> Mapping[str, Answer]:
        """By person; those who are missing have none."""
        match metric.kind:
            case NamedKind.STREAK:
                return await self._streaks(metric.terms[0], day)
            case NamedKind.COUNTS:
                return await self._counts(metric, day)
        return await self._index(metric, day)

    async def people(self, active: Term, span: Span) -> Collection[str]:
        """Who was counted by a rollup."""
        days = await self._active(active, span, None)
        return frozenset().union(*days.values())

    async def _streaks(self, term: Term, day: Span) -> Mapping[str, Answer]:
        streaks = Streaks()
        end, people = day.end, None
        while day.end - end < LONGEST_STREAK_DAYS * _DAY:
            start = max(end - _DAYS_AT_ONCE * _DAY, day.end - LONGEST_STREAK_DAYS * _DAY)
            active = await self._active(term, Span(start, end), people)
            while end > start:
                end -= _DAY
                streaks.add_day(active.get(end, ()))
            people = streaks.alive
            if not people:
                break
        found = {
            person: Answer(float(length), {}, length) for person, length in streaks.lengths.items()
        }
        return found if self._person is None else {_ONE: found.get(_ONE, Answer(0.0))}

    async def _counts(self, metric: NamedMetric, day: Span) -> Mapping[str, Answer]:
        query = self._query(day)
        sql = query.counts(metric.events)
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for row in await self._connection.execute(text(sql), query.parameters):
            found[row.person][row.name] = float(row.events)
        if self._person is not None:
            found.setdefault(_ONE, {})
        return {
            person: Answer(sum(counts.values()), counts, int(sum(counts.values())))
            for person, counts in found.items()
        }

    async def _index(self, metric: NamedMetric, day: Span) -> Mapping[str, Answer]:
        of_events = [one for one in metric.components if one.active is None]
        did: dict[str, dict[str, Did]] = defaultdict(dict)
        for component in metric.components:
            if component.active is not None:
                for person, days in (
                    await self._active_days(component, component.active, day)
                ).items():
                    did[person][component.name] = Did(days)
        if of_events:
            await self._add_events(of_events, day, did)
        if self._person is not None:
            did.setdefault(_ONE, {})
        return {
            person: index(metric, [found.get(one.name, Did()) for one in metric.components])
            for person, found in did.items()
        }

    async def _add_events(
        self, components: Sequence[Component], day: Span, into: dict[str, dict[str, Did]]
    ) -> None:
        query = self._query(day)
        totals = [
            Total(one.events, (*one.conditions, *more), one.path)
            for one in components
            for more in ((), one.prefer)
        ]
        sql = query.totals(totals)
        for row in await self._connection.execute(text(sql), query.parameters):
            for place, one in enumerate(components):
                all_of, preferred = _pair(row, 2 * place), _pair(row, 2 * place + 1)
                if all_of[0]:
                    is_mean = one.kind is ComponentKind.MEAN and bool(one.prefer)
                    into[row.person][one.name] = Did(*all_of, *(preferred if is_mean else ()))

    async def _active_days(self, component: Component, term: Term, day: Span) -> Mapping[str, int]:
        span = Span(day.end - component.days * _DAY, day.end)
        found: dict[str, int] = defaultdict(int)
        for people in (await self._active(term, span, None)).values():
            for person in people:
                found[person] += 1
        return found

    async def _active(
        self, term: Term, span: Span, people: Collection[str] | None
    ) -> Mapping[datetime, Collection[str]]:
        """Who was active on which day; of `people` alone, if they are given."""
        if self._person is not None:
            people = self._person.pseudonyms
        parameters = {
            "app_id": self._app.app_id,
            "rollup": term.rollup,
            "metric": measure_of(self._app.rollups[term.rollup], term.metric),
            "start": span.start,
            "end": span.end,
            "people": None if people is None else list(people),
        }
        found: dict[datetime, set[str]] = defaultdict(set)
        for row in await self._connection.execute(_ACTIVE, parameters):
            # Whatever the pseudonym of that time was.
            found[row.bucket].add(row.member if self._person is None else _ONE)
        return found

    def _query(self, day: Span) -> PersonTotals:
        access = None if self._person is None else self._person.access
        return PersonTotals(self._app.app_id, day.start, day.end, access)


def _pair(row: Any, place: int) -> tuple[int, Any]:
    return getattr(row, f"count{place}"), getattr(row, f"sum{place}")
