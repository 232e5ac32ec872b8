"""How much of an event a dead letter holds, and whether that is enough to replay it. Pure."""

from enum import StrEnum

from weir.common.v1.event_pb2 import Event


class LetterContent(StrEnum):
    """How much of the event there is. A release before this one did not say."""

    # All that is stored of such an event.
    WHOLE = "whole"
    # Without some of its properties.
    REDUCED = "reduced"
    # Without all of them, and under a pseudonym if consent demands that.
    WITHOUT_PROPERTIES = "without_properties"
    # Which event, when, and from which producer.
    BARE = "bare"
    UNKNOWN = ""


def lesser(one: LetterContent, other: LetterContent) -> LetterContent:
    """The one that holds less. Neither is unknown."""
    return max(one, other, key=list(LetterContent).index)


def can_be_replayed(content: str, event: Event) -> bool:
    """Whether the event can be stored after all: not if its properties are gone, because what was stored
    would be another event than was sent. Only whole events had properties when nothing was said."""
    if content == LetterContent.UNKNOWN:
        return event.properties_json not in (b"", b"{}") or bool(event.properties.fields)
    return content in (LetterContent.WHOLE, LetterContent.REDUCED)
