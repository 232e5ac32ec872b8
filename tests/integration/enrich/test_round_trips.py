"""Events are stored in bulk: how many statements Postgres is sent, counted and not timed."""

from typing import Any

import psycopg
import pytest

from tests.integration.enrich.conftest import Enrich
from tests.support.enrich_batches import entry_of, event


async def test_a_thousand_events_cost_a_hundredth_of_the_statements_of_one_each(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    execute, copy = psycopg.AsyncCursor.execute, psycopg.AsyncCursor.copy

    async def counted_execute(cursor: Any, statement: Any, *args: Any, **options: Any) -> Any:
        statements.append(str(statement))
        return await execute(cursor, statement, *args, **options)

    def counted_copy(cursor: Any, statement: Any, *args: Any, **options: Any) -> Any:
        statements.append(str(statement))
        return copy(cursor, statement, *args, **options)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counted_execute)
    monkeypatch.setattr(psycopg.AsyncCursor, "copy", counted_copy)
    new = entry_of(*(event(f"e{number:04}") for number in range(1_000)))
    await enrich.process(new)
    assert len(enrich.rows()) == 1_000
    assert 0 < len(statements) <= 1_000 / 100
    statements.clear()
    # Half of these are stored already: a batch says which of its events it created.
    [half_new] = await enrich.process(
        entry_of(*(event(f"e{number:04}") for number in range(500, 1_500)))
    )
    assert half_new.skipped == set(range(500))
    assert len(enrich.rows()) == 1_500
    assert 0 < len(statements) <= 1_000 / 100
