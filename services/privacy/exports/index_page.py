"""The page of an export that a person opens first. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Protocol

# What each kind of rows is, for the person whom they are about. One that is not here is named as it is.
KINDS = {
    "events": ("What happened", "each recorded event, with what the app sent about it"),
    "sessions": (
        "Visits",
        "each session, worked out from its events: first and last event, how many",
    ),
    "open_sessions": ("Visits under way", "the beginning of sessions of the last hours"),
    "dead_letters": (
        "Events that could not be accepted",
        "kept for a limited time, with the reason",
    ),
    "consents": ("Consent", "what is agreed to and denied now"),
    "consent_history": ("History of consent", "each answer ever recorded, and how"),
    "requests": ("Requests", "exports, erasures and other requests about this person"),
    "audit_trail": ("Record of access", "what was done with these data, when and to which end"),
    "numbers": ("Numbers about this person", "counts and sums that are kept for one person"),
    "counted_in": (
        "Numbers that count this person",
        "in which counts of people the pseudonym is one of those counted",
    ),
    "results": ("Stored reports", "rows of reports that are about one person"),
}
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border-bottom:1px solid #ccc;padding:.4em;text-align:left;vertical-align:top}"
    "td.n{text-align:right}"
)


class Listed(Protocol):
    """A kind of rows in an export."""

    @property
    def kind(self) -> str: ...

    @property
    def rows(self) -> int: ...


def index_page(app_id: str, subject_id: str, as_of: datetime, kinds: Iterable[Listed]) -> str:
    """A page of HTML that needs nothing else, with a line for each kind and links to its two files."""
    moment = f"{as_of.astimezone(UTC):%d %B %Y, %H:%M:%S} UTC"
    lines = "\n".join(map(_line, kinds))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Data about {escape(subject_id)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Data about {escape(subject_id)}</h1>
<p>Everything that the app <b>{escape(app_id)}</b> held about this person, as it was on {moment}.</p>
<table>
<tr><th>What</th><th>Rows</th><th>Table</th><th>Exact copy</th></tr>
{lines}
</table>
<p>Tables (CSV) open in any spreadsheet; a text there that a spreadsheet would take for a formula has a
<b>'</b> in front. The exact copies (JSON Lines) are for programs. All times are UTC. <b>manifest.json</b> has
the size and the SHA-256 of each file.</p>
</body>
</html>
"""


def _line(listed: Listed) -> str:
    title, meaning = KINDS.get(listed.kind, (listed.kind.replace("_", " "), ""))
    files = "".join(
        f'<td><a href="data/{listed.kind}.{form}">{listed.kind}.{form}</a></td>'
        for form in ("csv", "jsonl")
    )
    return f'<tr><td><b>{title}</b><br>{meaning}</td><td class="n">{listed.rows:,}</td>{files}</tr>'
