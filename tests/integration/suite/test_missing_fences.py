"""Fences that enrich has and aggregate lacks after an upgrade: by the migration, and by hand as written."""

import psycopg
import pytest
from alembic import command

from suite import migrate
from tests.support.repository import REPOSITORY

# Of erasures under an older aggregate; of one that both know; of people who were erased again since.
FENCES = """
INSERT INTO enrich.fences (app_id, person, fenced_at) VALUES
    ('arena', '00000000-0000-0000-0000-000000000001', '2026-11-20Z'),
    ('arena', '00000000-0000-0000-0000-000000000002', '2026-11-20Z'),
    ('other', '00000000-0000-0000-0000-000000000003', '2026-11-21Z');
INSERT INTO aggregate.fences (app_id, person, fenced_at, in_force_from) VALUES
    ('arena', '00000000-0000-0000-0000-000000000002', '2026-11-20Z', '2026-11-20Z'),
    ('other', '00000000-0000-0000-0000-000000000003', '2026-11-19Z', '2026-11-19Z');
"""
FOUND = """
SELECT right(person::text, 1)::int, extract(day FROM fenced_at AT TIME ZONE 'UTC')::int,
    in_force_from > now() - interval '1 hour'
FROM aggregate.fences ORDER BY 1
"""
EPOCH = "SELECT epoch FROM aggregate.recount_epoch"


@pytest.mark.parametrize("way", ["migration", "by hand"])
def test_missing_fences_are_copied(database_url: str, way: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FENCES)
        epoch = connection.execute(EPOCH).fetchone()
        if way == "by hand":
            connection.execute(_documented().encode())
        else:
            connection.execute("UPDATE alembic_version SET version_num = '0046_newest_fences'")
            config = migrate._config()
            with migrate._transaction(database_url) as migrating:
                config.attributes["connection"] = migrating
                command.upgrade(config, "0047_missing_fences")
        # In force from now on if there was none, or an older one: what is put back has come before.
        assert connection.execute(FOUND).fetchall() == [
            (1, 20, True),
            (2, 20, False),
            (3, 21, True),
        ]
        assert connection.execute(EPOCH).fetchone() != epoch


def _documented() -> str:
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    blocks = [part.partition("```")[0] for part in page.split("```sql\n")[1:]]
    [statements] = [block for block in blocks if "aggregate.fences" in block]
    return statements
