"""People as page tokens carry them, and as conditions on events."""

import json
from collections.abc import Sequence
from uuid import UUID

from google.protobuf.struct_pb2 import Value
from weir.aggregate.v1 import reliability_pb2

from libs.common.errors import InvalidArgument
from libs.common.structs import plain_value
from libs.events.filtering import Condition
from services.aggregate.behaviour.people.model import MAX_PEOPLE, People


def people_text(people: Sequence[UUID]) -> str:
    """People as one text; `read_people` reads it."""
    return ",".join(person.hex for person in people)


def read_people(text: str) -> list[UUID]:
    """Raises ValueError or AttributeError for what `people_text` never makes."""
    people = [UUID(hex=person) for person in text.split(",")]
    if len(people) > MAX_PEOPLE:
        raise ValueError("too many people")
    return people


def of_people(people: Sequence[UUID]) -> Condition:
    """Events of these people."""
    return Condition("person = ANY(CAST(:people AS uuid[]))", {"people": list(people)})


def of_app(app_id: str, named: str, field: str) -> str:
    """The app of a number, which is that of the request. Raises InvalidArgument for another one."""
    if named not in ("", app_id):
        raise InvalidArgument("must be the request's own app_id, or empty", field=field)
    return app_id


def value_text(value: Value) -> str | None:
    """The value of a cohort as the text of JSON, None for null."""
    plain = plain_value(value) if value.WhichOneof("kind") else None
    return None if plain is None else json.dumps(plain)


def people_reliability(found: People) -> reliability_pb2.Reliability:
    """What of the people is not in the answer."""
    message = reliability_pb2.Reliability(sampling_rate=1 / found.one_in)
    if found.is_cut:
        message.cut.limit = "max_people"
        message.cut.value = MAX_PEOPLE
        message.cut.detail = "events of more people are left out"
    return message
