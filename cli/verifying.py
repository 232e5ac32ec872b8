"""What verifications have in common: differences as they come, and an exit code."""

from collections.abc import Callable, Iterable
from typing import Any

import typer

from cli.exits import fail

# Numbers differ, or may differ until something that is under way is done: verify again then.
DIFFERENT, UNSETTLED = 1, 3


def summary_of(responses: Iterable[Any], show: Callable[[Any], None]) -> Any:
    """Shows each difference; returns the summary. Ends the command if there is none."""
    summary = None
    for response in responses:
        if response.WhichOneof("result") == "summary":
            summary = response.summary
        else:
            show(response.difference)
    if summary is None:
        fail("the verification has no end: run it again")
    return summary


def exit_as_verified(*, different: int, unsettled: int) -> None:
    """Ends the command with an exit code of its own if numbers differ, or may."""
    if different:
        raise typer.Exit(DIFFERENT)
    if unsettled:
        raise typer.Exit(UNSETTLED)
