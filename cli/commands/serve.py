"""`weir serve`: become one service."""

import os
import sys
from typing import Annotated

import typer

from cli.exits import fail
from suite.table import SERVICES


def serve(
    service: Annotated[str, typer.Argument(help=" | ".join(row.name for row in SERVICES))],
) -> None:
    """Become one service, with settings from the environment (WEIR_...): for containers."""
    modules = {row.name: row.module for row in SERVICES}
    if service not in modules:
        fail(f"no service `{service}`; there are {', '.join(modules)}", 2)
    # Replaced and not started: the container's signals go straight to the service.
    os.execv(sys.executable, [sys.executable, "-P", "-m", modules[service]])
