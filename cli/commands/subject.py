"""`weir subject`: what people ask for about themselves."""

import typer

from cli.commands.subject_erase import cancel, erase, status
from cli.commands.subject_export import export

app = typer.Typer(
    no_args_is_help=True,
    help="Carry out what a person asks for: a copy of everything that is held about them, or its end.",
)
for command in (export, erase, status, cancel):
    app.command()(command)
