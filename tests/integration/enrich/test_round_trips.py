"""Events are stored in bulk: how many statements and scripts Postgres is sent, counted and not timed."""

from typing import Any

import psycopg
import pytest

from libs.stores.postgres_direct import DirectConnection
from tests.integration.enrich.conftest import Enrich
from tests.support.enrich_batches import entry_of, event


async def test_a_thousand_events_cost_a_hundredth_of_the_statements_of_one_each(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a first connection asks is no part of it.
    known = entry_of(event("known"))
    await enrich.process(known)
    await enrich.process(known)
    statements: list[str] = []
    execute, copy = psycopg.AsyncCursor.execute, psycopg.AsyncCursor.copy
    run = DirectConnection.run

    async def counted_execute(cursor: Any, statement: Any, *args: Any, **options: Any) -> Any:
        statements.append(str(statement))
        return await execute(cursor, statement, *args, **options)

    def counted_copy(cursor: Any, statement: Any, *args: Any, **options: Any) -> Any:
        statements.append(str(statement))
        return copy(cursor, statement, *args, **options)

    async def counted_run(connection: Any, script: bytes, copy: Any = None) -> Any:
        statements.append(script.decode())
        return await run(connection, script, copy)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted_execute)
    monkeypatch.setattr(DirectConnection, "run", counted_run)
    monkeypatch.setattr(psycopg.AsyncCursor, "copy", counted_copy)
    new = entry_of(*(event(f"e{number:04}") for number in range(1_000)))
    await enrich.process(new)
    assert len(enrich.rows()) == 1_001
    assert 0 < len(statements) <= 1_000 / 100
    statements.clear()
    # Half of these are stored already: a batch says which of its events it created.
    [half_new] = await enrich.process(
        entry_of(*(event(f"e{number:04}") for number in range(500, 1_500)))
    )
    assert half_new.skipped == set(range(500))
    assert len(enrich.rows()) == 1_501
    assert 0 < len(statements) <= 1_000 / 100
