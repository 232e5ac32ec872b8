"""What people did in a time: how many events of some kinds there are of each person, and the sums of their
numbers. Pure: makes the statements. Values are parameters."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.catalog import Conditions
from libs.events.access import Access

_TOTALS = """
SELECT {person} AS person, {columns}
FROM enrich.events
WHERE app_id = :app_id AND occurred_at >= :start AND occurred_at < :end
    AND name = ANY(CAST(:names AS text[])) AND {access}
GROUP BY 1
"""
_COUNTS = """
SELECT {person} AS person, name, count(*) AS events
FROM enrich.events
WHERE app_id = :app_id AND occurred_at >= :start AND occurred_at < :end
    AND name = ANY(CAST(:names AS text[])) AND {access}
GROUP BY 1, 2
"""
# Events of times when the person did not agree have no subject: they are of no person that can be asked for.
_EACH = "person IS NOT NULL AND subject_id IS NOT NULL", "replace(CAST(person AS text), '-', '')"


@dataclass(frozen=True, slots=True)
class Total:
    """Events with one of the names that meet the conditions. With a `path`: those with a number there, and
    their sum."""

    names: frozenset[str]
    conditions: Conditions = ()
    path: tuple[str, ...] = ()


class PersonTotals:
    """Statements over the events of an app from `start` until before `end`, by person; of one person, called
    "", if `access` finds theirs, else of each with an id, called by their pseudonym."""

    def __init__(self, app_id: str, start: datetime, end: datetime, access: Access | None) -> None:
        self.parameters: dict[str, object] = {"app_id": app_id, "start": start, "end": end}
        self._access, self._person = _EACH
        if access is not None:
            self._access, self._person = f"({' OR '.join(access.branches)})", "CAST('' AS text)"
            self.parameters |= access.parameters

    def totals(self, totals: Sequence[Total]) -> str:
        """Columns `count0`, `sum0`, `count1`, `sum1` and so on; sums without a number are null."""
        self.parameters["names"] = sorted(set().union(*(total.names for total in totals)))
        columns = ", ".join(self._columns(place, total) for place, total in enumerate(totals))
        return _TOTALS.format(person=self._person, columns=columns, access=self._access)

    def counts(self, names: Collection[str]) -> str:
        """Columns `name` and `events`."""
        self.parameters["names"] = sorted(names)
        return _COUNTS.format(person=self._person, access=self._access)

    def _columns(self, place: int, total: Total) -> str:
        holds = [f"name = ANY({self._parameter(sorted(total.names), 'text[]')})"]
        for condition in total.conditions:
            values = self._parameter(list(condition.values), "text[]")
            holds.append(f"{self._value(condition.source.path)} = ANY(CAST({values} AS jsonb[]))")
        where = " AND ".join(holds)
        if not total.path:
            return f"count(*) FILTER (WHERE {where}) AS count{place}, NULL AS sum{place}"
        value = self._value(total.path)
        number = f"CASE WHEN jsonb_typeof({value}) = 'number' THEN CAST({value} AS numeric) END"
        return (
            f"count({number}) FILTER (WHERE {where}) AS count{place},"
            f" sum({number}) FILTER (WHERE {where}) AS sum{place}"
        )

    def _value(self, path: Sequence[str]) -> str:
        return f"(properties #> {self._parameter(list(path), 'text[]')})"

    def _parameter(self, value: object, kind: str) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"CAST(:{name} AS {kind})"
