"""The `weir` command."""

import typer

from libs.cli.lazy import Entry, lazy_group

ENTRIES = {
    "up": Entry(
        "libs.cli.suite_commands",
        "up",
        "Run the whole suite in the foreground, with embedded stores; Ctrl-C stops it in good order.",
    ),
    "status": Entry(
        "libs.cli.health_commands",
        "status",
        "Say what serves; exit code 0 only if everything does.",
    ),
    "doctor": Entry(
        "libs.cli.health_commands",
        "doctor",
        "Check everything that Weir needs; exit code 1 if something is broken.",
    ),
    "serve": Entry(
        "libs.cli.serve_command",
        "serve",
        "Become one service, with settings from the environment (WEIR_...): for containers.",
    ),
    "migrate": Entry(
        "libs.cli.suite_commands",
        "migrate",
        "Bring the database of WEIR_DATABASE_URL, else of the running suite, to the newest revision.",
    ),
    "demo": Entry(
        "libs.cli.demo_command",
        "demo",
        "Stream a believable day of all five products through the real suite, and check every number.",
    ),
    "send": Entry(
        "libs.cli.send_command",
        "send",
        "Send a file of events, one JSON object a line, in the app's own words.",
    ),
    "import": Entry(
        "libs.cli.import_command",
        "import_events",
        "Import a log: each row becomes an event.",
    ),
    "catalog": Entry(
        "libs.cli.catalog_commands", "app", "Check catalogs, and read what they declare."
    ),
    "consent": Entry(
        "libs.cli.consent_commands", "app", "Record what people agree to; ask what may be done."
    ),
    "query": Entry("libs.cli.query_commands", "app", "Read the numbers; watch them change."),
}

app = typer.Typer(
    name="weir",
    cls=lazy_group(ENTRIES),
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def main() -> None:
    """Events in, numbers out: checked against a catalog and consent, stored once."""


if __name__ == "__main__":
    app()
