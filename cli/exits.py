"""How commands end when something is wrong: one line on stderr, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

import typer

from cli.field_options import option_of


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with a message on stderr; code 2 is for wrong usage."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def call_errors_as_messages() -> Iterator[None]:
    """Ends the command with one line, which names the option at fault, if a call fails for good."""
    # Imported here: many commands call no service.
    import grpc

    from weir_client import GaveUpError, describe_error

    try:
        yield
    except grpc.RpcError as error:
        problem = describe_error(error)
        fail(str(replace(problem, field=option_of(problem.field))))
    except GaveUpError as error:
        fail(f"the events in flight have no verdict: {error.problem}")
