"""Events of one kind with the same content in both forms: as Weir takes them and as JSON."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import NamedTuple

import orjson
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.common.clock import EPOCH
from libs.common.ids import new_uuid7_text
from tests.bench.population import Person
from tests.bench.traffic import OPEN_VISITS, Frames

# Not an app of the mixed traffic: the only ids that ingest remembers of it are those of this file.
APP = "ip_assets"
NAME = "asset_viewed"
_ASSETS = 500
# Events happen within the last hour, and not all at the same moment.
_SPAN_US = 3_600_000_000


class Viewed(NamedTuple):
    """One event, in neither form."""

    event_id: str
    occurred_at_us: int
    person: Person
    session_id: str
    asset: str
    view_duration_ms: int


@dataclass
class _Visit:
    person: Person
    session_id: str
    # Events that are still to come.
    left: int


class OneKind:
    """An endless stream of views of assets, each with a new id. People come in visits of one to eight events,
    OPEN_VISITS of them at a time, as in the mixed traffic."""

    def __init__(self, people: Sequence[Person], seed: int) -> None:
        self._people = people
        self._random = Random(f"{seed}:{NAME}")
        self._open: list[_Visit] = []

    def calls(self, count: int) -> list[bytes]:
        """Requests of TrackEvent."""
        return [
            pb.TrackEventRequest(app_id=APP, event=_event(viewed)).SerializeToString()
            for viewed in self._views(count)
        ]

    def frames(self, count: int, size: int) -> Frames:
        """Frames of `size` events for one stream."""
        views = self._views(count * size)
        messages, subjects = [], set()
        for number in range(1, count + 1):
            frame = pb.EventFrame(sequence=number)
            for _ in range(size):
                viewed = next(views)
                subjects.add(viewed.person.subject_id)
                frame.events.append(_event(viewed))
            messages.append(pb.StreamEventsRequest(frame=frame).SerializeToString())
        return Frames(APP, messages, size, frozenset(subjects))

    def bodies(self, count: int, size: int) -> list[bytes]:
        """JSON arrays of `size` events."""
        views = self._views(count * size)
        return [orjson.dumps([_json(next(views)) for _ in range(size)]) for _ in range(count)]

    def _views(self, count: int) -> Iterator[Viewed]:
        random = self._random
        start_us = time.time_ns() // 1_000 - _SPAN_US
        for number in range(count):
            person, session_id = self._next_visitor()
            yield Viewed(
                new_uuid7_text(),
                start_us + number * (_SPAN_US - 1) // count,
                person,
                session_id,
                f"asset-{random.randrange(_ASSETS)}",
                random.randrange(200, 60_000),
            )

    def _next_visitor(self) -> tuple[Person, str]:
        random = self._random
        while len(self._open) < OPEN_VISITS:
            person = self._people[random.randrange(len(self._people))]
            session_id = f"s-{random.getrandbits(64):016x}"
            self._open.append(_Visit(person, session_id, random.randrange(1, 9)))
        place = random.randrange(OPEN_VISITS)
        visit = self._open[place]
        visit.left -= 1
        if not visit.left:
            self._open[place] = self._open[-1]
            self._open.pop()
        return visit.person, visit.session_id


def _event(viewed: Viewed) -> event_pb2.Event:
    person = viewed.person
    event = event_pb2.Event(
        event_id=viewed.event_id,
        name=NAME,
        producer=event_pb2.PRODUCER_FRONTEND,
        environment=event_pb2.ENVIRONMENT_PRODUCTION,
        subject_id=person.subject_id,
        session_id=viewed.session_id,
        properties_json=orjson.dumps(_properties(viewed)),
    )
    event.occurred_at.FromMicroseconds(viewed.occurred_at_us)
    event.entity.type, event.entity.id = "asset", viewed.asset
    context = event.context
    context.user_agent, context.ip = person.user_agent, person.ip
    context.platform, context.locale = person.platform, person.locale
    context.timezone = person.timezone
    return event


def _json(viewed: Viewed) -> dict[str, object]:
    person = viewed.person
    return {
        "eventId": viewed.event_id,
        "appId": APP,
        "name": NAME,
        "occurredAt": (EPOCH + timedelta(microseconds=viewed.occurred_at_us)).isoformat(),
        "producer": "frontend",
        "environment": "production",
        "subjectId": person.subject_id,
        "sessionId": viewed.session_id,
        "entityType": "asset",
        "entityId": viewed.asset,
        "context": {
            "user_agent": person.user_agent,
            "ip": person.ip,
            "platform": person.platform,
            "locale": person.locale,
            "timezone": person.timezone,
        },
        "properties": _properties(viewed),
    }


def _properties(viewed: Viewed) -> dict[str, object]:
    return {"view_duration_ms": viewed.view_duration_ms, "referrer": "https://example.com/search"}
