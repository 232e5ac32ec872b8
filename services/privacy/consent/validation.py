"""What a call may name: purposes of the catalog, and subject ids of a sane shape."""

from collections.abc import Iterable

from libs.catalog import Catalog
from libs.catalog.texts import MAX_TEXT_LENGTH, is_short_text
from libs.common.errors import InvalidArgument
from libs.consent import Status, is_subject_id
from services.privacy.consent.model import Recording

MAX_CHOICES = 32
# The end of the year 9999, the last that Postgres' and Python's moments have in common.
LATEST_US = 253_402_300_799_999_999


def check_purpose(catalog: Catalog, purpose: str, field: str = "purpose") -> None:
    """Raises InvalidArgument unless the catalog declares the purpose."""
    if purpose not in catalog.purposes:
        raise InvalidArgument(
            f"the catalog declares no such purpose; it has {', '.join(catalog.purposes) or 'none'}",
            reason="PURPOSE_UNKNOWN",
            field=field,
        )


def check_subject(subject_id: str, field: str = "subject_id") -> None:
    """Raises InvalidArgument unless this can be a subject's id."""
    if not is_subject_id(subject_id):
        raise InvalidArgument(
            f"must be 1 to {MAX_TEXT_LENGTH} printable characters",
            reason="FIELD_INVALID",
            field=field,
        )


def check_recording(
    catalog: Catalog, recording: Recording, purposes: Iterable[str], now_us: int
) -> None:
    """Raises InvalidArgument; `purposes` are the choices' as they came, to find repeated ones. A grant cannot
    end before `now_us`."""
    check_subject(recording.subject.subject_id)
    named = list(purposes)
    if not (named or recording.age_band) or len(named) > MAX_CHOICES:
        raise InvalidArgument(f"must be 1 to {MAX_CHOICES}", field="choices")
    _check_age_band(catalog, recording.age_band)
    for place, purpose in enumerate(named):
        field = f"choices[{place}].purpose"
        check_purpose(catalog, purpose, field)
        if purpose in named[:place]:
            raise InvalidArgument("is named twice", field=field)
    _check_text(recording.actor, "actor", required=True)
    _check_text(recording.method, "method", required=True)
    granting = Status.GRANTED in recording.choices.values()
    _check_text(recording.notice_version, "notice_version", required=granting)
    _check_text(recording.source, "source", required=True)
    ends = recording.expires_at_us
    if ends is not None and not granting:
        raise InvalidArgument("only a grant can end", field="expires_at")
    if ends is not None and not now_us < ends <= LATEST_US:
        raise InvalidArgument("must be in the future, before the year 10000", field="expires_at")


def _check_age_band(catalog: Catalog, band: str) -> None:
    bands = catalog.minors.bands if catalog.minors else ()
    if band and band not in bands:
        raise InvalidArgument(
            f"the catalog declares no such age band; it has {', '.join(bands) or 'none'}",
            field="age_band",
        )


def _check_text(text: str, field: str, *, required: bool) -> None:
    if (required and not text) or not is_short_text(text):
        least = 1 if required else 0
        raise InvalidArgument(
            f"must be {least} to {MAX_TEXT_LENGTH} printable characters", field=field
        )
