"""How commands end when something is wrong: one line on stderr, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with a message on stderr; code 2 is for wrong usage."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def call_errors_as_messages() -> Iterator[None]:
    """Ends the command with one line if a call fails for good."""
    # Imported here: many commands call no service.
    import grpc

    from weir_client import GaveUpError, describe_error

    try:
        yield
    except grpc.RpcError as error:
        fail(str(describe_error(error)))
    except GaveUpError as error:
        fail(f"the events in flight have no verdict: {error.problem}")
