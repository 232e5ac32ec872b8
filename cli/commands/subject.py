"""`weir subject`: what people ask for about themselves."""

import typer

from cli.commands.subject_erase import cancel, erase, status

app = typer.Typer(
    no_args_is_help=True,
    help="Carry out what a person asks for: the end of everything that is held about them.",
)
for command in (erase, status, cancel):
    app.command()(command)
