"""People who are erased, and the search for them afterwards in everything that is stored."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import psycopg
from redis import Redis
from weir.privacy.v1 import subject_request_service_pb2 as pb

from tests.integration.year.archive import Archive
from tests.integration.year.catalog import ARCHIVED, OWN_APPS
from tests.integration.year.rules import AppRules, midnight
from tests.integration.year.services import Services
from tests.integration.year.traffic import Traffic
from tests.support.byte_search import redis_texts
from tests.support.erasing import counts
from tests.support.waiting import until

# However slow the machine is.
_SECONDS = 600
_TABLES = """
SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
WHERE table_schema IN ('ingest', 'enrich', 'aggregate', 'privacy', 'jobs') AND table_type = 'BASE TABLE'
    AND (table_schema, table_name) NOT IN (
        SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relispartition)
"""
# Bytes are printed as hexadecimal digits.
_NAMING = "SELECT count(*) FROM {} AS stored WHERE stored::text ~ %s"
_PERSON = "SELECT DISTINCT person FROM enrich.events WHERE app_id = %s AND subject_id = %s"
# By the pseudonym, everything that says what the person did.
_DONE = """
SELECT (SELECT count(*) FROM enrich.events WHERE person::text = ANY(%(uuids)s)),
    (SELECT count(*) FROM aggregate.members WHERE replace(member::text, '-', '') = ANY(%(persons)s)),
    (SELECT count(*) FROM aggregate.cells WHERE dimensions::text ~ %(pattern)s)
"""


class Erasures:
    """Erases people of the own apps, in each some at a time."""

    def __init__(
        self,
        services: Services,
        traffic: Traffic,
        rules: Mapping[str, AppRules],
        archive: Archive,
        database_url: str,
        redis_url: str,
    ) -> None:
        self._services, self._traffic, self._rules = services, traffic, rules
        self._archive = archive
        self._database = psycopg.connect(database_url, autocommit=True)
        self._redis: Redis = Redis.from_url(redis_url)
        # Of each, when the fence was set and by which pseudonyms events of the person were known.
        self.erased: dict[tuple[str, str], tuple[datetime, list[str]]] = {}

    def close(self) -> None:
        """Closes its connections."""
        self._database.close()
        self._redis.close()

    async def erase_some(self) -> None:
        """Erases two people of each app; what they, and others before them, still send is not stored."""
        leaving = [(app_id, self._traffic.leaves(app_id)) for app_id in OWN_APPS for _ in range(2)]
        await asyncio.gather(*(self._erase(*each) for each in leaving))
        self._services.clock.now += timedelta(minutes=1)
        for (app_id, subject), (fenced_at, _) in list(self.erased.items())[-6:]:
            await self._traffic.send_late(app_id, subject, fenced_at)
        await self._services.until_counted()
        await until(lambda: not self._found_in_redis())

    async def _erase(self, app_id: str, subject: str) -> None:
        now = self._services.clock.now
        persons = [found.hex for (found,) in self._sql(_PERSON, (app_id, subject)) if found]
        today = midnight(now)
        rules = self._rules[app_id]
        expected = self._traffic.ledger.erase(app_id, subject, rules, now)
        request = await self._services.erase(app_id, subject, _SECONDS)
        self.erased[app_id, subject] = now, persons
        assert request.state == pb.SUBJECT_REQUEST_STATE_DONE
        found = counts(request)
        gone = sum(sent.has_gone(rules, today) for sent in expected)
        assert found["enrich.events"] == (len(expected) - gone, 0, 0)
        if app_id == ARCHIVED:
            archived = self._archive.kept(expected, today)
            assert found.get("enrich.archive", (0, 0, 0)) == (archived, 0, 0)

    def none_is_found(self) -> None:
        """No store has an erased person."""
        if not self.erased:
            return
        subjects = {subject for _, subject in self.erased}
        persons = sorted({person for _, found in self.erased.values() for person in found})
        texts = [*subjects, *(subject.encode().hex() for subject in subjects)]
        for (table,) in self._sql(_TABLES):
            assert self._sql(_NAMING.format(table), ["|".join(texts)]) == [(0,)], table
        uuids = [str(UUID(person)) for person in persons]
        found = self._sql(
            _DONE, {"persons": persons, "uuids": uuids, "pattern": "|".join(persons) or "no one"}
        )
        assert found == [(0, 0, 0)], found
        assert not self._archive.people() & {*subjects, *persons}
        assert not self._found_in_redis()

    def _found_in_redis(self) -> bool:
        found = b"\0".join(redis_texts(self._redis))
        return any(subject.encode() in found for _, subject in self.erased)

    def _sql(self, statement: str, parameters: object = None) -> list[tuple[Any, ...]]:
        return self._database.execute(statement.encode(), cast(Any, parameters)).fetchall()
