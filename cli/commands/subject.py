"""`weir subject`: what people ask for about themselves."""

import typer

from cli.commands.subject_erase import erase
from cli.commands.subject_export import export
from cli.commands.subject_rectify import rectify
from cli.commands.subject_restrict import lift, restrict, restricted
from cli.commands.subject_status import cancel, status

app = typer.Typer(
    no_args_is_help=True,
    help="Carry out what a person asks for: a copy of what is held about them, its end, a correction, or a"
    " restriction.",
)
for command in (export, erase, rectify, status, cancel, restrict, lift, restricted):
    app.command()(command)
