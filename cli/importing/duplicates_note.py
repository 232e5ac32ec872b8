"""What duplicates in an import may mean, and what to do about rows that are none."""

from cli.derived_ids import IdFrom
from cli.wording import count


def duplicates_note(
    duplicates: int, added: int, sent: int, id_column: str | None, id_from: IdFrom
) -> str:
    """Sentences about `duplicates` of `sent` rows, whose ids are those of other events, while `added`
    rows are new: `id_column` is the column that fills `event_id`, None if ids are made by `id_from`.
    Empty if there are none."""
    if not duplicates:
        return ""
    if id_column is not None:
        remedy = (
            f"column {id_column} does not tell events apart: map to event_id a column whose values are "
            "unique among all events of the app, or leave event_id out"
        )
    elif id_from is IdFrom.CONTENT:
        remedy = (
            "rows of other files have the same content: map the column that tells events apart with "
            "--map event_id=COLUMN, or let the file's name take part with --id-from file-content"
        )
    else:
        remedy = (
            "another file of this name has the same rows: map the column that tells events apart with "
            "--map event_id=COLUMN, or rename the file"
        )
    again = (
        ". Other ids make other events: in a suite that has this file already, the "
        f"{count(added, 'row')} that it added would count twice"
    )
    share = "mostly duplicates: " if 2 * duplicates > sent else ""
    have, add = ("has", "adds") if duplicates == 1 else ("have", "add")
    return (
        f"{share}{duplicates:,} of {count(sent, 'row')} {have} the id of an event that was sent before, and "
        f"{add} nothing: a stored event is never changed, also not by other options. That is right if they "
        f"were imported before; if not, {remedy}"
        f"{again if added else ''}"
    )
