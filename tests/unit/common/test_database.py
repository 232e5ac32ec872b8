"""What Postgres says, and whether waiting helps."""

import psycopg
from sqlalchemy.exc import OperationalError

from libs.common.database import is_transient


def test_which_errors_of_postgres_are_the_fault_of_the_data() -> None:
    waits = [
        psycopg.errors.DeadlockDetected(),
        psycopg.errors.SerializationFailure(),
        psycopg.errors.AdminShutdown(),
        psycopg.errors.DiskFull(),
        psycopg.errors.UndefinedTable(),
        psycopg.errors.ReadOnlySqlTransaction(),
        OperationalError("", None, psycopg.OperationalError("connection refused")),
        ConnectionRefusedError(),
        TimeoutError(),
    ]
    faults = [
        psycopg.errors.NumericValueOutOfRange(),
        psycopg.errors.UntranslatableCharacter(),
        psycopg.errors.ProgramLimitExceeded(),
        ValueError(),
        AttributeError(),
    ]
    assert all(is_transient(error) for error in waits)
    assert not any(is_transient(error) for error in faults)
