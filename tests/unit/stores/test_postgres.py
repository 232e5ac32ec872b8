"""What Postgres says, and whether waiting helps."""

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from libs.stores.failure import StoreFailure
from libs.stores.postgres import failure_of


@pytest.mark.parametrize(
    ("failure", "errors"),
    [
        (
            StoreFailure.UNAVAILABLE,
            [
                psycopg.errors.AdminShutdown(),
                psycopg.errors.TooManyConnections(),
                psycopg.errors.DiskFull(),
                psycopg.errors.UndefinedTable(),
                psycopg.errors.ReadOnlySqlTransaction(),
                # No partition for a row.
                psycopg.errors.CheckViolation(),
                psycopg.errors.ForeignKeyViolation(),
                OperationalError("", None, psycopg.OperationalError("connection refused")),
                ConnectionRefusedError(),
                TimeoutError(),
            ],
        ),
        (
            StoreFailure.OVERLOADED,
            [
                psycopg.errors.DeadlockDetected(),
                psycopg.errors.SerializationFailure(),
                # What PostgreSQL says if max_locks_per_transaction is too low.
                psycopg.errors.OutOfMemory(),
                psycopg.errors.LockNotAvailable(),
                psycopg.errors.QueryCanceled(),
                OperationalError("", None, psycopg.errors.DeadlockDetected()),
            ],
        ),
        (
            None,
            [
                psycopg.errors.NumericValueOutOfRange(),
                psycopg.errors.UntranslatableCharacter(),
                psycopg.errors.ProgramLimitExceeded(),
                psycopg.errors.NotNullViolation(),
                psycopg.errors.UniqueViolation(),
                IntegrityError("", None, psycopg.errors.UniqueViolation()),
                ValueError(),
                AttributeError(),
            ],
        ),
    ],
)
def test_what_an_error_of_postgres_means(
    failure: StoreFailure | None, errors: list[Exception]
) -> None:
    assert {failure_of(error) for error in errors} == {failure}
