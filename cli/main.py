"""The `weir` command."""

import typer

from cli.lazy import CommandEntry, lazy_group

ENTRIES = {
    "up": CommandEntry(
        "cli.commands.suite",
        "up",
        "Run the whole suite in the foreground, with embedded stores; Ctrl-C stops it in good order.",
    ),
    "status": CommandEntry(
        "cli.commands.health",
        "status",
        "Say what serves; exit code 0 only if everything does.",
    ),
    "doctor": CommandEntry(
        "cli.commands.health",
        "doctor",
        "Check everything that Weir needs; exit code 1 if something is broken.",
    ),
    "serve": CommandEntry(
        "cli.commands.serve",
        "serve",
        "Become one service, with settings from the environment (WEIR_...): for containers.",
    ),
    "migrate": CommandEntry(
        "cli.commands.suite",
        "migrate",
        "Bring the database of WEIR_DATABASE_URL, else of the running suite, to the newest revision.",
    ),
    "demo": CommandEntry(
        "cli.commands.demo",
        "demo",
        "Stream a believable day of all five products through the real suite, and check every number.",
    ),
    "send": CommandEntry(
        "cli.commands.send",
        "send",
        "Send a file of events, one JSON object a line, in the app's own words.",
    ),
    "import": CommandEntry(
        "cli.commands.import_events",
        "import_events",
        "Import a log: each row becomes an event.",
    ),
    "catalog": CommandEntry(
        "cli.commands.catalog", "app", "Check catalogs, and read what they declare."
    ),
    "consent": CommandEntry(
        "cli.commands.consent", "app", "Record what people agree to; ask what may be done."
    ),
    "subject": CommandEntry(
        "cli.commands.subject",
        "app",
        "Carry out what a person asks for: a copy of what is held about them, its end, a correction, or a"
        " restriction.",
    ),
    "privacy": CommandEntry(
        "cli.commands.privacy",
        "app",
        "Say what an app does with people's data, and what is stored of one of them.",
    ),
    "audit": CommandEntry(
        "cli.commands.audit",
        "app",
        "See who did what to personal data; verify the record of it.",
    ),
    "dead-letters": CommandEntry(
        "cli.commands.dead_letters",
        "app",
        "See which events were rejected, and why; take them after a fix.",
    ),
    "jobs": CommandEntry(
        "cli.commands.jobs", "app", "See scheduled jobs and their runs; run one now."
    ),
    "retention": CommandEntry(
        "cli.commands.retention",
        "app",
        "Say how long data is kept, and what is kept for longer; remove it now.",
    ),
    "archive": CommandEntry(
        "cli.commands.archive",
        "app",
        "See what is in the archive, verify it, and restore a day of it.",
    ),
    "keys": CommandEntry(
        "cli.commands.keys",
        "app",
        "The keys of people's sealed properties, and their rotation.",
    ),
    "rollup": CommandEntry(
        "cli.commands.rollup",
        "app",
        "Check the numbers against the stored events, and count them again.",
    ),
    "query": CommandEntry("cli.commands.query", "app", "Read the numbers; watch them change."),
    "events": CommandEntry(
        "cli.commands.events",
        "list_events",
        "List stored events, the newest first.",
    ),
    "export": CommandEntry(
        "cli.commands.export",
        "export",
        "Export stored events to a file, by name and then by time.",
    ),
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
