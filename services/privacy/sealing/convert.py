"""Requests for the keys of people, and their answers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from weir.privacy.v1 import subject_key_service_pb2 as pb

from libs.catalog import Catalog
from libs.catalog.problems import did_you_mean
from libs.common.clock import EPOCH, moment_of
from libs.common.errors import InvalidArgument
from services.privacy.sealing.keys import SealingKey
from services.privacy.sealing.model import KeyCounts
from services.privacy.sealing.rotation import KeyAge

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SubjectKeyService"].full_name
MAX_KEYS = 5_000
# From year 1 to 9999, as Python has them.
_EARLIEST_US, _LATEST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
_LONGEST_ACTOR = 128


def people_of(request: pb.GetSealingKeysRequest) -> Mapping[UUID, datetime]:
    """When the latest event of each person occurred. Raises InvalidArgument."""
    if len(request.people) > MAX_KEYS:
        raise InvalidArgument(f"must be at most {MAX_KEYS}", field="people")
    found: dict[UUID, datetime] = {}
    for each in request.people:
        person = _uuid(each.person, "people.person")
        if not _EARLIEST_US <= each.latest_occurred_at_us <= _LATEST_US:
            raise InvalidArgument("is no time", field="people.latest_occurred_at_us")
        if person in found:
            raise InvalidArgument("must have each person once", field="people")
        found[person] = moment_of(each.latest_occurred_at_us)
    return found


def key_ids_of(request: pb.GetOpeningKeysRequest) -> Sequence[UUID]:
    """The ids that are asked for. Raises InvalidArgument."""
    if len(request.key_ids) > MAX_KEYS:
        raise InvalidArgument(f"must be at most {MAX_KEYS}", field="key_ids")
    return [_uuid(key_id, "key_ids") for key_id in request.key_ids]


def check_reason(request: pb.GetOpeningKeysRequest, catalog: Catalog) -> None:
    """Raises InvalidArgument without a purpose of the catalog, and without the credential that it is for."""
    if request.purpose not in catalog.purposes:
        hint = did_you_mean(request.purpose, catalog.purposes)
        raise InvalidArgument(f"is no purpose of the app's catalog{hint}", field="purpose")
    if not 0 < len(request.actor) <= _LONGEST_ACTOR or not request.actor.isprintable():
        raise InvalidArgument("is required", field="actor")


def sealing_key_message(key: SealingKey) -> pb.SealingKey:
    """The key of one person."""
    microseconds = 0
    if key.retired_at is not None:
        since = key.retired_at - EPOCH
        microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return pb.SealingKey(key_id=key.key_id, secret=key.secret, destroyed_at_us=microseconds)


def status_message(
    current: str, counts: KeyCounts, available: Collection[str], age: KeyAge
) -> pb.GetKeyStatusResponse:
    """How many keys there are, and how old the one is that wraps new ones."""
    status = pb.GetKeyStatusResponse(
        current_wrapping_key_id=current,
        wrapped=[
            pb.WrappedKeys(wrapping_key_id=name, keys=keys, is_available=name in available)
            for name, keys in counts.wrapped.items()
        ],
        destroyed=counts.destroyed,
    )
    status.used_since.FromDatetime(age.used_since)
    status.rotation_due.FromDatetime(age.rotation_due)
    return status


def _uuid(value: bytes, field: str) -> UUID:
    if len(value) != 16:
        raise InvalidArgument("has 16 bytes", field=field)
    return UUID(bytes=value)
