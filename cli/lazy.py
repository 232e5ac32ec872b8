"""A command group that loads a command's module when that command is called, and not before.

`weir --help`, shell completion and light commands must not wait for what the heavy ones import: database
drivers, gRPC, the demo.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class CommandEntry:
    """Where a command is found, and what `--help` says of it without looking there."""

    # Of the module, and in it: a function, or a Typer app with commands of its own.
    module: str
    attribute: str
    # The first line of the function's docstring, or the help of the app.
    summary: str


class LazyCommand(TyperCommand):
    """Stands for a command in the list; the real one takes its place when arguments are parsed."""

    def __init__(self, name: str, entry: CommandEntry) -> None:
        super().__init__(name, help=entry.summary)
        self._entry = entry

    def load(self) -> Any:
        """The real command."""
        target = getattr(import_module(self._entry.module), self._entry.attribute)
        if isinstance(target, typer.Typer):
            return typer.main.get_group(target)
        alone = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
        alone.command(self.name)(target)
        return typer.main.get_command(alone)

    def make_context(self, *words: Any, **named: Any) -> Any:
        """The context of the real command, so that it is the real one that runs."""
        return self.load().make_context(*words, **named)


def lazy_group(entries: Mapping[str, CommandEntry]) -> type[TyperGroup]:
    """A group class with these commands, in this order."""

    class LazyGroup(TyperGroup):
        def __init__(self, **options: Any) -> None:
            commands = {name: LazyCommand(name, entry) for name, entry in entries.items()}
            super().__init__(**{**options, "commands": commands})

        def invoke(self, ctx: Any) -> Any:
            """Runs the command; without pydantic's prefix in what typer says of a wrong choice."""
            try:
                return super().invoke(ctx)
            except typer.BadParameter as error:
                error.message = error.message.removeprefix("Value error, ")
                raise

    return LazyGroup
