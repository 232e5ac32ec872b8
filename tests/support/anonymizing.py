"""A catalog whose events are anonymized after 30 days, and the job that does so, for tests."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, compile_catalog
from services.enrich.anonymization.job import Anonymization
from services.enrich.anonymization.postgres import PostgresNamedEvents
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
# 22 October is 30 days old on 21 November.
FIRST_NAMED = datetime(2026, 10, 23, tzinfo=UTC)
CATALOG = """
app_id: chess
title: Chess
subject: {name: player, entity_types: [user]}
group: {name: club}
categories:
  play: {producers: [api], retention: {raw: 1y, aggregate: 5y}, anonymize_after: 30d}
  kept: {producers: [api], retention: {raw: 1y, aggregate: 5y}}
events:
  game.ended:
    category: play
    properties: {phone: {type: string, x-pii: true}, moves: {type: integer}}
  login: {category: kept}
"""
CHESS = Catalogs.of(compile_catalog(CATALOG, "chess.yaml"))
ARCHIVED_CHESS = Catalogs.of(compile_catalog(CATALOG + "archive: true\n", "chess.yaml"))


def anonymization(
    engine: AsyncEngine,
    clock: FixedClock,
    *,
    rows_at_a_time: int = 1_000,
    catalogs: Catalogs = CHESS,
) -> Anonymization:
    """The job's work."""
    return Anonymization(catalogs, PostgresNamedEvents(engine, rows_at_a_time), PSEUDONYMS, clock)
