"""Keys of erased people are needed as long as an event has a value that was sealed with them."""

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, compile_catalog
from libs.common.subject_data import KeptKey
from services.enrich.sealing.postgres import PostgresSealedValues
from tests.integration.enrich.conftest import Enrich
from tests.support.enrich_batches import NOON, entry_of, event
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.small_catalog import SMALL

CATALOG = compile_catalog(
    SMALL.replace("mode: {type: string}", "mode: {type: string, x-pii: sealed}")
    + "erasure: {keep: {play: {because: the law}}}\n",
    "chess.yaml",
)
ANNA, BEN = (UUID(PSEUDONYMS.pseudonym("chess", name)) for name in ("anna", "ben"))
KEYS = [KeptKey(UUID(int=10), ANNA, NOON), KeptKey(UUID(int=11), BEN, NOON)]
ARCHIVED = """
INSERT INTO enrich.archive_files (file_id, app_id, day, state, archived_at, events, digest, names, first_at,
    last_at, size_bytes, sha256)
VALUES (gen_random_uuid(), 'chess', %s, 'published', now(), 1, 1, %s, now(), now(), 1, '')
"""


async def test_by_what_is_stored_of_their_person(enrich: Enrich, engine: AsyncEngine) -> None:
    sealed = f'{{"moves": 1, "mode": {{"$sealed": "v1.{KEYS[0].key_id.hex}.AAAA"}}}}'
    await enrich.process(
        entry_of(
            event("a", subject_id="anna", properties_json=sealed.encode()),
            event("b", subject_id="ben"),
        )
    )
    values = PostgresSealedValues(engine, Catalogs.of(CATALOG))
    assert await values.still_needed("chess", KEYS) == {KEYS[0].key_id}
    # Without a catalog of the app it is not known.
    assert len(await values.still_needed("go", KEYS)) == 2


@pytest.mark.parametrize(
    ("days", "name", "needed"),
    [(0, "game.ended", 2), (1, "game.ended", 2), (2, "game.ended", 0), (0, "club.joined", 0)],
)
async def test_by_what_may_be_in_the_archive(
    engine: AsyncEngine, database_url: str, days: int, name: str, needed: int
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute(ARCHIVED, [NOON + timedelta(days=days), f'{{"{name}": 1}}'])
    values = PostgresSealedValues(engine, Catalogs.of(CATALOG))
    assert len(await values.still_needed("chess", KEYS)) == needed


async def test_what_no_law_keeps_was_sealed_with_the_key_as_well(
    engine: AsyncEngine, database_url: str
) -> None:
    """By a person who came back before the erasure ended."""
    sealed = "mode: {type: string, x-pii: sealed}"
    catalog = compile_catalog(SMALL.replace("mode: {type: string}", sealed), "chess.yaml")
    with psycopg.connect(database_url) as owner:
        owner.execute(ARCHIVED, [NOON, '{"game.ended": 1}'])
    values = PostgresSealedValues(engine, Catalogs.of(catalog))
    assert len(await values.still_needed("chess", KEYS)) == 2
