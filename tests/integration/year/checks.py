"""What must hold on every day, by SQL and arithmetic that share nothing with the program."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
from redis import Redis

from tests.integration.year.catalog import OWN_APPS
from tests.integration.year.ledger import Ledger
from tests.integration.year.rules import COUNTED_AGAIN, DAY, AppRules, midnight
from tests.integration.year.traffic import MARK, WISH, WISH_DAYS

LETTER_DAYS = QUARANTINE_DAYS = 30
# As the services' quarantines are named, and filled by the test, by its own clock.
QUARANTINES = ("ingest:{0}:quarantine", "enrich:{0}:quarantine")
STORED = f"""
SELECT app_id, name, privacy_level, event_id LIKE '{WISH}%%', count(*), min(occurred_at)
FROM enrich.events WHERE received_at < %s GROUP BY 1, 2, 3, 4
"""
# Any mention of a person, in any column.
NAMED = f"""
SELECT count(*) FROM enrich.events AS e WHERE app_id = %s AND name = ANY(%s) AND occurred_at >= %s
    AND occurred_at < %s AND received_at < %s AND e::text LIKE '%%{MARK}%%'
"""
CELLS = """
SELECT rollup, bucket, dimensions, metric, count, total
FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
WHERE app_id = %s AND bucket >= %s AND rollup = ANY(%s)
"""
OLDEST_CELLS = """
SELECT app_id, rollup, min(bucket) FROM aggregate.cells GROUP BY 1, 2
"""
AUDIT = "SELECT min(occurred_at) FROM privacy.audit_entries WHERE app_id = %s"
# As long as any event of the own apps.
AUDIT_DAYS = 365
LETTERS = "SELECT app_id, name, count(*), min(received_at) FROM ingest.dead_letters GROUP BY 1, 2"

# (rollup, bucket, dimensions, metric) -> (count, total)
Numbers = dict[tuple[str, datetime, str, str], tuple[int, int | None]]


class Checks:
    """Compares the stores with the ledger."""

    def __init__(
        self,
        database_url: str,
        redis_url: str,
        rules: Mapping[str, AppRules],
        ledger: Ledger,
    ) -> None:
        self._database = psycopg.connect(database_url, autocommit=True)
        self._redis: Redis = Redis.from_url(redis_url)
        self._rules, self._ledger = rules, ledger

    def close(self) -> None:
        self._database.close()
        self._redis.close()

    def nothing_is_older_than_its_limit(self, now: datetime, *, thorough: bool) -> None:
        """In the morning, after the day's jobs: what is past its limit is gone, and nothing else is."""
        today = midnight(now)
        self._events(today)
        self._people(today, thorough=thorough)
        self._letters(today)
        self._quarantine(today)
        self._oldest_cells(now)
        for app_id in OWN_APPS:
            [(oldest,)] = self._sql(AUDIT, app_id)
            assert oldest is None or oldest >= today - AUDIT_DAYS * DAY
        if thorough:
            for key in self._redis.scan_iter(match="enrich:{0}:sessions:*"):
                assert self._redis.ttl(key) > 0, key

    def _events(self, today: datetime) -> None:
        stored = Counter[tuple[str, str, str | None, bool]]()
        for app_id, name, level, is_wish, rows, oldest in self._sql(STORED, today):
            rules = self._rules[app_id]
            limit = rules.days(name, level, WISH_DAYS if is_wish else 0)
            assert oldest >= today - limit * DAY, (app_id, name, level, is_wish, oldest)
            stored[app_id, name, level, is_wish] += rows
        expected = Counter[tuple[str, str, str | None, bool]]()
        for app_id, rules in self._rules.items():
            for sent in self._ledger.stored(app_id):
                if not sent.has_gone(rules, today):
                    expected[app_id, sent.name, sent.level, bool(sent.wish_days)] += 1
        assert stored == expected

    def _people(self, today: datetime, *, thorough: bool) -> None:
        for app_id, rules in self._rules.items():
            due = defaultdict[int, list[str]](list)
            for name, rule in rules.events.items():
                if not rule.names_people:
                    due[0].append(name)
                elif rule.anonymized_after is not None:
                    due[rule.anonymized_after].append(name)
            for days, names in due.items():
                # On the day on which they are so old they are anonymized.
                before = today - (days - 1) * DAY
                since = today - 4_000 * DAY if thorough else before - 5 * DAY
                [(rows,)] = self._sql(NAMED, app_id, names, since, before, today)
                assert rows == 0, (app_id, days, names)
        # And none before its time.
        for app_id in OWN_APPS:
            rules = self._rules[app_id]
            named = 0
            for sent in self._ledger.stored(app_id):
                if sent.verdict == "accepted" and not sent.has_gone(rules, today):
                    after = rules.events[sent.name].anonymized_after
                    named += after is None or (today - midnight(sent.occurred_at)).days < after
            [(found,)] = self._sql(
                "SELECT count(*) FROM enrich.events WHERE app_id = %s AND subject_id IS NOT NULL",
                app_id,
            )
            assert found == named

    def _letters(self, today: datetime) -> None:
        found = {(app_id, name): rows for app_id, name, rows, _ in self._sql(LETTERS)}
        expected = Counter[tuple[str, str]]()
        for sent in self._ledger.letters():
            rules = self._rules[sent.app_id]
            limit = min(LETTER_DAYS, rules.kept_days(sent.name, sent.level, sent.wish_days))
            if sent.received_at >= today - limit * DAY:
                expected[sent.app_id, sent.name] += 1
        assert found == expected, sorted((found.items() ^ expected.items()), key=repr)

    def _quarantine(self, today: datetime) -> None:
        for stream in QUARANTINES:
            entries: list[Any] = cast(Any, self._redis.xrange(stream, count=1))
            for entry_id, _ in entries:
                at = datetime.fromtimestamp(int(entry_id.split(b"-")[0]) / 1_000, UTC)
                assert at >= today - QUARANTINE_DAYS * DAY, stream

    def _oldest_cells(self, now: datetime) -> None:
        for app_id, rollup, oldest in self._sql(OLDEST_CELLS):
            # A bucket begins a month before its end at most, and its cells go within the day after.
            limit = self._rules[app_id].cell_days(rollup)
            assert oldest > now - (limit + 32) * DAY, (app_id, rollup)

    def numbers_are_a_recount(self, now: datetime, *, thorough: bool) -> None:
        """In the evening, when all is counted: every cell that is kept."""
        for app_id in self._rules:
            since = midnight(now) - (4_000 if thorough else 3) * DAY
            expected = self._recount(app_id, now, since)
            rollups = ["events", "activity", *(("matches", "pages") if app_id in OWN_APPS else ())]
            found: Numbers = {}
            for rollup, bucket, dimensions, metric, count, total in self._sql(
                CELLS, app_id, since, rollups
            ):
                if bucket >= self._first(app_id, rollup, now):
                    total = None if total is None else int(total)
                    key = rollup, bucket, _text(dimensions), metric
                    found[key] = count, total
            differing = sorted(found.items() ^ expected.items(), key=repr)
            assert not differing, (app_id, differing[:10])

    def _first(self, app_id: str, rollup: str, now: datetime) -> datetime:
        """The first bucket that ended so short ago that it is kept."""
        rules = self._rules[app_id]
        return rules.bucket(rollup, now - rules.cell_days(rollup) * DAY)

    def _recount(self, app_id: str, now: datetime, since: datetime) -> Numbers:
        people = defaultdict[tuple[str, datetime, str, str], set[str]](set)
        counts = Counter[tuple[str, datetime, str, str]]()
        scores = Counter[tuple[str, datetime, str, str]]()
        rules = self._rules[app_id]
        first = {rollup: max(since, self._first(app_id, rollup, now)) for rollup in COUNTED_AGAIN}
        for sent in self._ledger.counted(app_id, min(first.values())):
            for rollup in rules.rollups_of(sent.name):
                bucket = rules.bucket(rollup, sent.occurred_at)
                if bucket < first[rollup] or not self._ledger.is_counted(rollup, sent):
                    continue
                match rollup:
                    case "events":
                        counts["events", bucket, _text({"name": sent.name}), "events"] += 1
                    case "activity":
                        people["activity", bucket, "", "active_users"].add(sent.subject)
                    case "matches":
                        guild = _text({"guild_id": sent.guild})
                        counts["matches", bucket, guild, "matches"] += 1
                        people["matches", bucket, guild, "players"].add(sent.subject)
                        scores["matches", bucket, guild, "score"] += sent.score
                    case "pages":
                        counts["pages", bucket, "", "views"] += 1
                        people["pages", bucket, "", "readers"].add(sent.subject)
        numbers: Numbers = {key: (count, None) for key, count in counts.items()}
        numbers |= {key: (len(members), None) for key, members in people.items()}
        return numbers | {
            key: (counts[*key[:3], "matches"], total) for key, total in scores.items()
        }

    def _sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._database.execute(statement.encode(), parameters).fetchall()


def _text(dimensions: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(dimensions.items()))


def in_milliseconds(moment: datetime) -> int:
    """The time of an entry of a stream."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
