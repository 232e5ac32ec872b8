"""What each service's role may do in Postgres: what its service needs, and nothing in others' tables."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

ROLES = ("weir_ingest", "weir_enrich", "weir_aggregate", "weir_privacy", "weir_read")
# By hand, from what the services' SQL does.
READ, ADD, CHANGE = {"SELECT"}, {"SELECT", "INSERT"}, {"SELECT", "INSERT", "UPDATE"}
# The one schema that services share: those that have jobs keep the journal of all runs.
JOBS = {"jobs.jobs": CHANGE | {"DELETE"}, "jobs.runs": CHANGE}
MAY: dict[str, dict[str, set[str]]] = {
    "weir_ingest": {
        "ingest.dead_letters": CHANGE | {"DELETE"},
        "ingest.replays": CHANGE | {"DELETE"},
        "ingest.erasures": CHANGE,
        "ingest.fences": CHANGE,
        **JOBS,
    },
    "weir_enrich": {
        "enrich.events": ADD,
        "enrich.batches": CHANGE | {"DELETE"},
        "enrich.archive_files": CHANGE | {"DELETE"},
        "enrich.erasures": CHANGE,
        "enrich.fences": CHANGE,
        "enrich.fence_epoch": READ | {"UPDATE"},
        "enrich.archive_erasures": ADD,
        **JOBS,
    },
    "weir_aggregate": {
        "aggregate.batches": ADD | {"DELETE"},
        "aggregate.cells": ADD | {"DELETE"},
        "aggregate.members": ADD | {"DELETE"},
        "aggregate.measures": CHANGE | {"DELETE"},
        "aggregate.buckets": CHANGE | {"DELETE"},
        "aggregate.recounts": CHANGE | {"DELETE"},
        "aggregate.made_cells": ADD | {"DELETE"},
        "aggregate.old_cells": ADD | {"DELETE"},
        "aggregate.covered_batches": ADD | {"DELETE"},
        "aggregate.recounted_rollups": ADD,
        "aggregate.rollups": CHANGE | {"DELETE"},
        "aggregate.recount_epoch": READ | {"UPDATE"},
        "aggregate.results": CHANGE | {"DELETE"},
        "aggregate.result_cells": ADD | {"DELETE"},
        "aggregate.erasures": CHANGE,
        "aggregate.fences": CHANGE,
        # To recount rollups.
        "enrich.events": READ,
        "enrich.batches": READ,
        **JOBS,
        # Of all services: it prunes the journal.
        "jobs.runs": CHANGE | {"DELETE"},
    },
    "weir_privacy": {
        "privacy.consents": CHANGE | {"DELETE"},
        # And to UPDATE the number of a change. The trigger lets only erasures delete.
        "privacy.consent_history": ADD | {"DELETE"},
        "privacy.subject_requests": CHANGE,
        "privacy.exports": CHANGE,
        "privacy.subject_holds": CHANGE | {"DELETE"},
        # And to UPDATE three columns, which is no right to the table.
        "privacy.audit_entries": ADD | {"DELETE"},
        "privacy.audit_heads": CHANGE,
        "privacy.audit_checkpoints": CHANGE,
        # And to UPDATE three columns.
        "privacy.subject_keys": ADD,
        "privacy.wrapping_keys": ADD,
        "privacy.consent_changes": CHANGE,
        "privacy.retention_runs": CHANGE,
        **JOBS,
    },
    "weir_read": {"enrich.events": READ},
}
TABLES = (
    *(
        "ingest.replays",
        "ingest.dead_letters",
        "enrich.events",
        "enrich.events_90d",
        "enrich.events_90d_default",
    ),
    *("enrich.archive_files", "enrich.archive_erasures"),
    *("enrich.batches", "aggregate.batches", "aggregate.cells", "aggregate.measures"),
    *("aggregate.results", "aggregate.result_cells"),
    *("aggregate.buckets", "aggregate.recounts", "aggregate.made_cells", "aggregate.old_cells"),
    *("aggregate.covered_batches", "aggregate.recounted_rollups", "aggregate.recount_epoch"),
    "aggregate.rollups",
    *("aggregate.members", "privacy.consents", "privacy.consent_history"),
    *("privacy.audit_entries", "privacy.audit_heads", "privacy.audit_checkpoints"),
    *("privacy.subject_keys", "privacy.wrapping_keys"),
    *("privacy.consent_changes", "privacy.retention_runs"),
    *("privacy.subject_requests", "privacy.subject_holds", "privacy.exports"),
    *("ingest.fences", "enrich.fences", "enrich.fence_epoch", "aggregate.fences"),
    *("ingest.erasures", "enrich.erasures", "aggregate.erasures"),
    *JOBS,
)
# Each is refused by the rights to the table before it looks at a row.
STATEMENTS = {
    "SELECT": "SELECT FROM {table} WHERE false",
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = {column} WHERE false",
    "DELETE": "DELETE FROM {table} WHERE false",
    "TRUNCATE": "TRUNCATE {table}",
}
# Of another service's, and of its own: only migrations change tables.
DEFINITIONS = (
    "ALTER TABLE {table} ADD COLUMN more text",
    "DROP TABLE {table}",
    "CREATE INDEX ON {table} ({column})",
    "CREATE TABLE {schema}.another (word text)",
)
ALL_TABLES = """
    SELECT relid::regclass::text FROM (
        SELECT oid AS relid FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace IN (
            SELECT oid FROM pg_namespace WHERE nspname IN
                ('ingest', 'enrich', 'aggregate', 'privacy', 'jobs', 'public'))
    ) AS tables
"""
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def _owned_by_enrich(table: str) -> bool:
    """Partitions: enrich makes, merges and drops them while it runs."""
    return table.startswith("enrich.events_")


def _allowed(role: str, table: str) -> set[str]:
    if role == "weir_enrich" and _owned_by_enrich(table):
        return set(STATEMENTS)
    return MAY[role].get(table, set())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_exactly_these_rights(database_url: str, role: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = [row[0] for row in connection.execute(ALL_TABLES).fetchall()]
        found = {
            table: {
                privilege
                for privilege in PRIVILEGES
                if _is_true(
                    connection, "SELECT has_table_privilege(%s, %s, %s)", role, table, privilege
                )
            }
            for table in tables
        }
        assert set(TABLES) <= found.keys()
        owned = {table for table in tables if role == "weir_enrich" and _owned_by_enrich(table)}
        assert {table: rights for table, rights in found.items() if rights} == {
            **{table: set(PRIVILEGES) for table in owned},
            **MAY[role],
        }
        schemas = {
            schema: (
                _is_true(connection, "SELECT has_schema_privilege(%s, %s, 'USAGE')", role, schema),
                _is_true(connection, "SELECT has_schema_privilege(%s, %s, 'CREATE')", role, schema),
            )
            for schema in ("ingest", "enrich", "aggregate", "privacy", "jobs", "public")
        }
        own = {table.partition(".")[0] for table in MAY[role]}
        assert schemas == {
            name: (name in own or name == "public", role == "weir_enrich" and name == "enrich")
            for name in schemas
        }
        draws = "SELECT has_sequence_privilege(%s, 'privacy.consent_version', 'USAGE')"
        assert _is_true(connection, draws, role) == (role == "weir_privacy")
        sets = "SELECT has_sequence_privilege(%s, 'privacy.consent_version', 'UPDATE')"
        assert not _is_true(connection, sets, role)
        [about] = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication"
            " FROM pg_roles WHERE rolname = %s",
            [role],
        ).fetchall()
        assert not any(about)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_cannot_write_what_another_service_owns(
    role_url: Callable[[str], str], role: str
) -> None:
    """The same by statements that a service could send."""
    with psycopg.connect(role_url(role), autocommit=True) as connection:
        # Without it, a trigger refuses to delete from the audit trail.
        connection.execute("SET weir.audit_pruning = 'on'")
        for table in TABLES:
            refused = {
                privilege
                for privilege, statement in STATEMENTS.items()
                if _is_refused(connection, statement, table)
            }
            allowed = _allowed(role, table)
            if table == "privacy.consent_history":
                # By the trigger: only an erasure opens that door.
                allowed = allowed - {"DELETE"}
            assert refused == STATEMENTS.keys() - allowed, table


@pytest.mark.parametrize("role", ROLES)
def test_a_role_cannot_change_tables(role_url: Callable[[str], str], role: str) -> None:
    with psycopg.connect(role_url(role), autocommit=True) as connection:
        for table in TABLES:
            if role == "weir_enrich" and _owned_by_enrich(table):
                continue
            for statement in DEFINITIONS:
                makes = statement.startswith("CREATE TABLE") and table.startswith("enrich.")
                if not (role == "weir_enrich" and makes):
                    assert _is_refused(connection, statement, table), (table, statement)


def test_versions_of_consent_are_drawn_by_privacy_alone(role_url: Callable[[str], str]) -> None:
    for role in ROLES:
        with psycopg.connect(role_url(role), autocommit=True) as connection:
            assert _is_refused(connection, "SELECT nextval('privacy.consent_version')", "") == (
                role != "weir_privacy"
            )


def test_a_role_cannot_become_another(role_url: Callable[[str], str]) -> None:
    for role in ROLES:
        with psycopg.connect(role_url(role), autocommit=True) as connection:
            for other in {*ROLES, "weir", "postgres"} - {role}:
                assert _is_refused(connection, f"SET ROLE {other}", "")


def _is_refused(connection: psycopg.Connection, statement: str, table: str) -> bool:
    """Whether it fails for a lack of rights; any other failure, and none, is not that."""
    schema, _, name = table.partition(".")
    try:
        connection.execute(
            sql.SQL(statement).format(
                table=sql.Identifier(schema, name),
                schema=sql.Identifier(schema),
                column=sql.Identifier(_a_column(connection, table)) if table else sql.SQL(""),
            )
        )
    except psycopg.errors.InsufficientPrivilege:
        return True
    except psycopg.IntegrityError:
        return False
    return False


def _a_column(connection: psycopg.Connection, table: str) -> str:
    # `to_regclass` would need rights to the schema.
    row = connection.execute(
        "SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname || '.' || relname = %s AND attnum = 1",
        [table],
    ).fetchone()
    assert row
    return str(row[0])


def _is_true(connection: psycopg.Connection, question: str, *parameters: str) -> bool:
    row = connection.execute(question.encode(), parameters).fetchone()
    assert row
    return bool(row[0])
