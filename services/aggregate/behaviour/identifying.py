"""Fields that identify a person or one event. Questions about behaviour are answered to callers that may read
numbers only, so nothing can be asked by these. Pure."""

from libs.events.filtering.syntax import And, FilterError, Node, Not, Or, Restriction

_FIELDS = frozenset(
    {"person", "subject", "subject_id", "anonymous_id", "session_id", "request_id"}
    | {"event_id", "event_uuid"}
)


def is_identifying(path: tuple[str, ...]) -> bool:
    """Whether a field, by its path in a filter, tells one person or one event from the others."""
    return ".".join(path) in _FIELDS


def check_identifies_no_one(node: Node | None) -> None:
    """Raises FilterError with the place of a field that does."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                check_identifies_no_one(part)
        case Not(inner):
            check_identifies_no_one(inner)
        case Restriction(path, _, _, position) if is_identifying(path):
            raise FilterError(
                f"`{'.'.join(path)}` identifies a person or an event; this call answers about groups",
                position,
            )
