"""The `weir` command."""

import typer

from libs.cli import catalog_commands, consent_commands, query_commands, suite_commands
from libs.cli.demo_command import demo
from libs.cli.import_command import import_events
from libs.cli.send_command import send

app = typer.Typer(
    name="weir",
    help="Events in, numbers out: checked against a catalog and consent, stored once.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(suite_commands.up)
app.command()(suite_commands.serve)
app.command()(suite_commands.migrate)
app.command()(suite_commands.doctor)
app.command()(demo)
app.command()(send)
app.command("import")(import_events)
app.add_typer(catalog_commands.app, name="catalog")
app.add_typer(consent_commands.app, name="consent")
app.add_typer(query_commands.app, name="query")

if __name__ == "__main__":
    app()
