"""The yardstick: binary COPY of the same rows into an empty copy of the same partitioned table."""

import time

import psycopg
from psycopg import sql

# As large as what libpq sends at once: the client must not be what is measured.
_BLOCK_BYTES = 64 * 1024

# Rows are found by the transactions that stored them: of counts-only events nothing else says when they
# came. Of a server as new as the bench's, these numbers have not wrapped around.
NEXT_TRANSACTION = "SELECT pg_current_xact_id()::text::bigint"
READ_ROWS = """
    COPY (
        SELECT * FROM enrich.events WHERE xmin::text::bigint >= {since}
        ORDER BY xmin::text::bigint, received_at
    ) TO STDOUT (FORMAT binary)
"""
WRITE_ROWS = "COPY bench.events FROM STDIN (FORMAT binary)"
PARTITIONS = """
    SELECT tree.relid::regclass::text, class.relname, parent.relname,
           pg_get_expr(class.relpartbound, class.oid), pg_get_partkeydef(class.oid)
    FROM pg_partition_tree('enrich.events') AS tree
    JOIN pg_class AS class ON class.oid = tree.relid
    JOIN pg_class AS parent ON parent.oid = tree.parentrelid
    ORDER BY tree.level
"""


class RawCopy:
    """Copies what a run has stored once more, by the fastest way that Postgres has."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def moment(self) -> int:
        """This moment, for `rows_per_second`."""
        row = self._connection.execute(NEXT_TRANSACTION).fetchone()
        assert row is not None
        return int(row[0])

    def rows_per_second(self, since: int, rows: int) -> float:
        """Copies the `rows` rows stored since that moment. One connection, one statement, one commit."""
        blocks = self._read(since)
        self._make_empty_table()
        start = time.perf_counter()
        with self._connection.cursor() as cursor:
            with cursor.copy(WRITE_ROWS) as copy:
                for block in blocks:
                    copy.write(block)
            copied = cursor.rowcount
        seconds = time.perf_counter() - start
        self._connection.execute("DROP SCHEMA bench CASCADE")
        if copied != rows:
            raise RuntimeError(f"{copied} rows were copied and not {rows}")
        return rows / seconds

    def _read(self, since: int) -> list[bytes]:
        statement = sql.SQL(READ_ROWS).format(since=sql.Literal(since))
        blocks, block = [], bytearray()
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in copy:
                block += row
                if len(block) >= _BLOCK_BYTES:
                    blocks.append(bytes(block))
                    block.clear()
        return [*blocks, bytes(block)]

    def _make_empty_table(self) -> None:
        """The same columns, constraints and indexes; the same list partitions and range leaves."""
        connection = self._connection
        connection.execute("CREATE SCHEMA bench")
        connection.execute(
            "CREATE TABLE bench.events (LIKE enrich.events INCLUDING ALL)"
            " PARTITION BY LIST (retention_class)"
        )
        for _, name, parent, bound, key in connection.execute(PARTITIONS).fetchall():
            statement = sql.SQL("CREATE TABLE {} PARTITION OF {} {}").format(
                sql.Identifier("bench", name), sql.Identifier("bench", parent), sql.SQL(bound)
            )
            if key:
                statement += sql.SQL(" PARTITION BY {}").format(sql.SQL(key))
            connection.execute(statement)
