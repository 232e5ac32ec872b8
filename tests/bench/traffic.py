"""Mixed traffic of three products, as frames that are serialized before any clock starts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

import orjson
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.common.ids import new_uuid7_text
from tests.bench.population import Person, make_people
from tests.bench.visits import (
    COMMUNITY_MARKER,
    LESSON_MARKER,
    SOCIAL_MARKER,
    Happening,
    Visit,
    community_visit,
    lesson_visit,
    social_visit,
)

# Visits that are under way at the same time: neighbours in a frame are different people.
OPEN_VISITS = 800
# Events that reach us late, because a phone was offline, and by how much at most.
_LATE_SHARE = 0.02
_LATEST_US = 3 * 3_600_000_000
_US = 1_000_000


@dataclass(frozen=True)
class Product:
    """One app's part of the traffic."""

    app_id: str
    share: float
    people: int
    groups: int
    visit: Visit
    # What a marker does: neither sampled nor dropped.
    marker: Happening


PRODUCTS = (
    Product("unofficial_communities", 0.60, 35_000, 100, community_visit, COMMUNITY_MARKER),
    Product("social_live", 0.25, 16_000, 0, social_visit, SOCIAL_MARKER),
    Product("mlc_lms", 0.15, 9_000, 60, lesson_visit, LESSON_MARKER),
)


@dataclass(frozen=True)
class Frames:
    """Frames of one app, each a serialized StreamEventsRequest, and how many events each has."""

    app_id: str
    messages: list[bytes]
    events_per_frame: int
    # The people that the frames are about.
    subjects: frozenset[str] = field(repr=False)

    @property
    def events(self) -> int:
        """Events in all frames."""
        return len(self.messages) * self.events_per_frame

    def event_ids(self) -> Iterator[str]:
        """The ids in the order of the frames."""
        for message in self.messages:
            for event in pb.StreamEventsRequest.FromString(message).frame.events:
                yield event.event_id


class AppTraffic:
    """An endless stream of one app's events: the same people and doings for the same seed, but event
    ids that were never seen before."""

    def __init__(self, product: Product, seed: int) -> None:
        self.product = product
        # Not the built-in hash, which differs from process to process.
        self._random = Random(f"{seed}:{product.app_id}")
        self.people = make_people(product.app_id, product.people, product.groups, self._random)
        self._visitors = self._in_turn()
        self._open: list[tuple[Person, str, Iterator[Happening]]] = []

    def frames(
        self, count: int, size: int, start_us: int, end_us: int, *, marker: str = ""
    ) -> Frames:
        """`count` frames of `size` events that happened between the two moments, in their order but
        for a few late ones.

        With a `marker`, the last event of each frame is about a person of that name, and none of
        the events is late.
        """
        step = (end_us - start_us) / (count * size)
        messages, subjects = [], set()
        at = float(start_us)
        for number in range(1, count + 1):
            frame = pb.EventFrame(sequence=number)
            for place in range(size):
                person, session_id, happening = self._next()
                if marker and place == size - 1:
                    happening = self.product.marker
                subjects.add(person.subject_id)
                occurred_at = int(at)
                if not marker and self._random.random() < _LATE_SHARE:
                    occurred_at -= self._random.randrange(_LATEST_US)
                _fill(frame.events.add(), person, session_id, happening, occurred_at)
                at += step
            if marker:
                frame.events[-1].subject_id = marker
            messages.append(pb.StreamEventsRequest(frame=frame).SerializeToString())
        return Frames(self.product.app_id, messages, size, frozenset(subjects))

    def _next(self) -> tuple[Person, str, Happening]:
        while len(self._open) < OPEN_VISITS:
            person = next(self._visitors)
            session_id = f"s-{self._random.getrandbits(64):016x}"
            self._open.append((person, session_id, self.product.visit(person, self._random)))
        place = self._random.randrange(OPEN_VISITS)
        person, session_id, visit = self._open[place]
        happening = next(visit, None)
        if happening is None:
            self._open[place] = self._open[-1]
            self._open.pop()
            return self._next()
        return person, session_id, happening

    def _in_turn(self) -> Iterator[Person]:
        # All come before any comes again: the hardest case for caches of people.
        while True:
            yield from self.people


class Traffic:
    """All products together."""

    def __init__(self, seed: int) -> None:
        self.apps: Mapping[str, AppTraffic] = {
            product.app_id: AppTraffic(product, seed) for product in PRODUCTS
        }

    def frames(self, count: int, size: int, start_us: int, end_us: int) -> list[Frames]:
        """About `count` frames, shared out among the apps, each app's over the whole time."""
        return [
            app.frames(max(1, round(count * app.product.share)), size, start_us, end_us)
            for app in self.apps.values()
        ]


def _fill(
    event: event_pb2.Event,
    person: Person,
    session_id: str,
    happening: Happening,
    occurred_at_us: int,
) -> None:
    event.event_id = new_uuid7_text()
    event.name = happening.name
    event.schema_version = happening.schema_version
    event.occurred_at.seconds = occurred_at_us // _US
    event.occurred_at.nanos = occurred_at_us % _US * 1_000
    event.producer = happening.producer
    event.environment = event_pb2.ENVIRONMENT_PRODUCTION
    event.subject_id = person.subject_id
    event.session_id = session_id
    event.group_id = person.group_id
    if happening.entity_id:
        event.entity.type = happening.entity_type
        event.entity.id = happening.entity_id
    context = event.context
    context.user_agent = person.user_agent
    context.ip = person.ip
    context.platform = person.platform
    context.locale = person.locale
    context.timezone = person.timezone
    context.assignment_id = happening.assignment_id
    event.properties_json = orjson.dumps(happening.properties)
