"""What Postgres says, and whether waiting helps."""

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from libs.common.errors import DeadlineExceeded, LimitExceeded, Unavailable
from libs.stores.failure import StoreFailure
from libs.stores.postgres import failure_of, read_within


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


def read(error: Exception) -> None:
    with read_within(2.5, setting="read_seconds", advice="ask for less"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.QueryCanceled(),
        OperationalError("", None, psycopg.errors.QueryCanceled()),
    ],
)
def test_a_statement_that_takes_too_long_says_what_to_ask_for(error: Exception) -> None:
    with pytest.raises(DeadlineExceeded, match=r"longer than 2.5 s: ask for less") as caught:
        read(error)
    assert caught.value.metadata == {"limit": "read_seconds", "value": "2.5"}


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("the connection is lost"),
        psycopg.InterfaceError("the connection is closed"),
        OperationalError("", None, psycopg.OperationalError("connection refused")),
        TimeoutError(),
        ConnectionRefusedError(),
    ],
)
def test_a_postgres_that_is_away_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable):
        read(error)


@pytest.mark.parametrize("error", [LimitExceeded("", limit="", value=0), ValueError()])
def test_other_errors_of_readers_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)):
        read(error)
