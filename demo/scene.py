"""One visit of one person, being written down: what happens, and how much later the next thing does."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from demo.model import ConsentOutcome, DemoEvent, DemoPerson, ExpectedVerdict

_VERDICTS = {
    ConsentOutcome.ALLOW: ExpectedVerdict.ACCEPTED,
    ConsentOutcome.ANONYMIZE: ExpectedVerdict.ANONYMIZED,
    ConsentOutcome.DROP: ExpectedVerdict.DROPPED,
}


def new_uuid(random: Random) -> str:
    """A version 4 UUID from the given randomness."""
    return str(UUID(int=random.getrandbits(128), version=4))


class Scene:
    """Collects the events of one visit; `now` goes on with `wait`."""

    def __init__(
        self,
        app_id: str,
        random: Random,
        person: DemoPerson | None,
        start: datetime,
        *,
        producer: str,
        session_id: str = "",
        anonymous_id: str = "",
    ) -> None:
        self.events: list[DemoEvent] = []
        self.random = random
        self.now = start
        self._app_id = app_id
        self._person = person
        self._producer = producer
        self._session_id = session_id
        self._anonymous_id = anonymous_id

    def wait(self, seconds: float) -> None:
        """Time passes; whole milliseconds, as clients have them."""
        self.now += timedelta(milliseconds=round(seconds * 1_000))

    def happens(
        self,
        name: str,
        properties: Mapping[str, Any] | None = None,
        *,
        purpose: str | None,
        producer: str = "",
        entity: Mapping[str, str] | None = None,
        context: Mapping[str, str] | None = None,
        sampled: bool = False,
        event_id: str = "",
    ) -> None:
        """Something happens now. `purpose` is what consent is asked for, None if no person is asked;
        `sampled` marks events of which only a share is kept."""
        person = self._person
        answer = ConsentOutcome.ALLOW
        if person is not None and purpose is not None:
            answer = person.answers[purpose]
        possible = {_VERDICTS[answer]} | ({ExpectedVerdict.SAMPLED} if sampled else set())
        self.events.append(
            DemoEvent(
                app_id=self._app_id,
                event_id=event_id or new_uuid(self.random),
                name=name,
                occurred_at=self.now,
                producer=producer or self._producer,
                subject_id=person.subject_id if person else "",
                anonymous_id=self._anonymous_id,
                session_id=self._session_id,
                group_id=person.group_id if person else "",
                entity=entity or {},
                context={**(person.context if person else {}), **(context or {})},
                attribution=person.attribution if person else {},
                properties=properties or {},
                possible=frozenset(possible),
            )
        )
