"""The SQL for the latest event of each person, or session, and value. Pure: columns come from this module,
values are parameters."""

from collections.abc import Mapping, Sequence

from libs.catalog import Source, SourceKind

_LATEST = """
SELECT {columns}, CAST(extract(epoch FROM max({moment})) * 1000000 AS bigint) AS moment_us
FROM enrich.events
WHERE app_id = :app_id AND name = ANY(:names)
    AND occurred_at >= :start AND occurred_at < :end
    AND {timely}
GROUP BY {groups}
"""
# An event's own second, as counting takes it.
_TIMELY = """
    received_at > :after
    AND received_at - date_trunc('second', occurred_at) <= make_interval(secs => :lateness)
"""
# The person, and of rows from before that column was filled what tells who it is.
_PERSON = (
    "replace(CAST(person AS text), '-', '')",
    "CASE WHEN person IS NULL THEN subject_id END",
    "CASE WHEN person IS NULL THEN anonymous_id END",
)
# Of the ids below only a session of this form needs to know about: see `libs.common.pseudonym.session_of`.
_HEX = "session_id ~ '^[0-9a-f]{32}$'"
_SESSION = (
    "session_id",
    f"CASE WHEN {_HEX} AND nullif(subject_id, '') IS NOT NULL THEN 'any' END",
    f"CASE WHEN {_HEX} AND nullif(anonymous_id, '') IS NOT NULL THEN 'any' END",
)
_ENTITY_COLUMNS = {"type": "entity_type", "id": "entity_id"}


class LatestQuery:
    """A statement with the parameters `app_id`, `names`, `start` and `end` (of `occurred_at`, the end
    exclusive) and those in `parameters`.

    Each row has a name of events, who they are about, a value for each of `sources` (JSON of properties, else
    a text, null without one), and when the latest of them occurred, in microseconds since the epoch. Who is
    three columns: with `of_sessions` the session, and if that is 32 hex digits whether there is a subject_id
    and an anonymous_id, as any text; else the person, and if that is not filled yet subject_id and
    anonymous_id. With `by_receipt` it is when the latest was received, of those that were
    received behind `after`, at most `lateness` seconds after they occurred: two more parameters.
    """

    def __init__(self, sources: Sequence[Source], *, of_sessions: bool, by_receipt: bool) -> None:
        self._parameters: dict[str, object] = {}
        who = _SESSION if of_sessions else _PERSON
        columns = ["name", *who, *map(self._column, sources)]
        self.statement = _LATEST.format(
            columns=", ".join(f"{column} AS c{place}" for place, column in enumerate(columns)),
            moment="received_at" if by_receipt else "occurred_at",
            timely=_TIMELY if by_receipt else "true",
            groups=", ".join(str(place) for place in range(1, len(columns) + 1)),
        )

    @property
    def parameters(self) -> Mapping[str, object]:
        """Parameters that depend on the sources."""
        return self._parameters

    def _column(self, source: Source) -> str:
        match source.kind:
            case SourceKind.PROPERTY:
                return f"properties #> CAST({self._parameter(list(source.path))} AS text[])"
            case SourceKind.ENTITY:
                return f"nullif({_ENTITY_COLUMNS[source.path[0]]}, '')"
            case SourceKind.CONTEXT | SourceKind.ATTRIBUTION:
                return f"nullif({source.kind} ->> {self._parameter(source.path[0])}, '')"
        # A field of the envelope or of enrichment: a fixed set of names, which the catalog's reader checks.
        return f"nullif({source.path[0]}, '')"

    def _parameter(self, value: object) -> str:
        name = f"p{len(self._parameters)}"
        self._parameters[name] = value
        return f":{name}"
