"""Messages of DeadLetterService to the domain's words and back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.message import DecodeError
from weir.common.v1.error_reason_pb2 import ErrorReason
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import dead_letter_service_pb2 as pb

from libs.common.errors import InvalidArgument
from services.ingest.dead_letters.content import LetterContent, can_be_replayed
from services.ingest.dead_letters.listing.postgres import KeptLetter
from services.ingest.dead_letters.selection import LetterSelection

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["DeadLetterService"].full_name
_MAX_VALUES = 100
_MAX_CHARACTERS = 1_000
_STAGES = ("", "ingest", "enrich")
_CONTENTS: Mapping[str, pb.DeadLetterContent] = {
    LetterContent.WHOLE: pb.DEAD_LETTER_CONTENT_WHOLE,
    LetterContent.REDUCED: pb.DEAD_LETTER_CONTENT_REDUCED,
    LetterContent.WITHOUT_PROPERTIES: pb.DEAD_LETTER_CONTENT_WITHOUT_PROPERTIES,
    LetterContent.BARE: pb.DEAD_LETTER_CONTENT_BARE,
}


def selection_of(app_id: str, found: pb.DeadLetterFilter) -> LetterSelection:
    """Which letters a filter means. Raises InvalidArgument with the field at fault."""
    reasons = _texts("reasons", found.reasons)
    for reason in reasons:
        if f"ERROR_REASON_{reason}" not in ErrorReason.keys():  # noqa: SIM118
            raise InvalidArgument("must be names of reasons", field="filter.reasons")
    if found.stage not in _STAGES:
        raise InvalidArgument("must be `ingest`, `enrich` or empty", field="filter.stage")
    return LetterSelection(
        app_id,
        reasons,
        _texts("fields", found.fields),
        _texts("names", found.names),
        found.stage,
        _moment(found, "received_from"),
        _moment(found, "received_to"),
    )


def letter_message(letter: KeptLetter, *, shows_event: bool) -> pb.DeadLetter:
    """A letter, with its event only if that is to be shown."""
    event = event_of(letter.event)
    message = pb.DeadLetter(
        dead_letter_id=str(letter.dead_letter_id),
        stage=letter.stage,
        reason=letter.reason,
        field=letter.field,
        message=letter.message,
        name=letter.name,
        content=_CONTENTS.get(letter.content, pb.DEAD_LETTER_CONTENT_UNSPECIFIED),
        can_be_replayed=can_be_replayed(letter.content, event),
    )
    message.received_at.FromDatetime(letter.received_at)
    if shows_event:
        message.event.CopyFrom(event)
    return message


def event_of(content: bytes) -> Event:
    """The event of a letter; empty if its bytes are none, which ingest keeps as they are."""
    try:
        return Event.FromString(content)
    except DecodeError:
        return Event()


def _texts(field: str, values: Sequence[str]) -> tuple[str, ...]:
    if len(values) > _MAX_VALUES:
        raise InvalidArgument(f"has at most {_MAX_VALUES} values", field=f"filter.{field}")
    if any(len(each) > _MAX_CHARACTERS or "\x00" in each for each in values):
        raise InvalidArgument(
            f"must be texts of at most {_MAX_CHARACTERS} characters, without U+0000",
            field=f"filter.{field}",
        )
    return tuple(values)


def _moment(found: pb.DeadLetterFilter, field: str) -> datetime | None:
    if not found.HasField(field):
        return None
    try:
        moment: datetime = getattr(found, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(
            "is no time of the years 1 to 9999", field=f"filter.{field}"
        ) from None
    return moment
