"""How a person disappears from an event before anything is buffered."""

import uuid
from collections.abc import Collection, Iterable

import orjson
from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventVersion
from libs.common.ids import event_uuid, uuid8
from libs.common.pseudonym import Pseudonymizer
from services.ingest.intake.mentions import (
    Path,
    People,
    clear_mentions,
    person_of,
    remove_mentions,
    without_mentions,
)
from services.ingest.intake.model import Outcome
from services.ingest.intake.screening import Candidate


class Anonymizer:
    """Replaces people by pseudonyms, everywhere that an event names them."""

    def __init__(self, pseudonymizer: Pseudonymizer) -> None:
        self._pseudonymizer = pseudonymizer

    def person(self, app_id: str, subject_id: str) -> str:
        """The pseudonym of a subject."""
        return self._pseudonymizer.pseudonym(app_id, subject_id)

    def session(self, app_id: str, session_id: str) -> str:
        """The pseudonym of a session: its id would link the event to the person's other events."""
        return self._pseudonymizer.pseudonym(app_id, f"session\x00{session_id}")

    def rekeyed(self, app_id: str, anonymous_id: str) -> str:
        """Our pseudonym for a producer's own stand-in, which may be a hash that can be undone."""
        return self._pseudonymizer.pseudonym(app_id, f"anonymous\x00{anonymous_id}")

    def event(self, app_id: str, event_id: str) -> str:
        """The pseudonym of an event id that may reveal whom the event is about."""
        return self._pseudonymizer.pseudonym(app_id, f"event\x00{event_id}")

    def anonymize(self, catalog: Catalog, candidate: Candidate, outcome: Outcome) -> None:
        """Replaces the subject of an event that passed by a pseudonym, and removes from its properties
        what is marked as personal and every mention of the person."""
        event, private = candidate.event, candidate.version.pii_properties
        person = self.replace_subject(catalog, event)
        properties = candidate.properties
        if private:
            properties = {name: item for name, item in properties.items() if name not in private}
        measures = _measures(catalog, candidate.version)
        properties = without_mentions(properties, person, {catalog.subject_name}, measures)
        if properties != candidate.properties:
            event.properties_json = orjson.dumps(properties)
        self._unname(catalog.app_id, event, person, candidate.position, outcome)

    def remove_others(
        self,
        catalog: Catalog,
        version: EventVersion | None,
        event: Event,
        person_ids: Iterable[str],
        position: int,
        outcome: Outcome,
    ) -> None:
        """Removes every mention of other people than the subject, in one pass for all of them. `version`
        is None if the catalog does not declare the event's."""
        people = People(person_ids)
        self.remove_people(catalog, event, people)
        # A session that is called by another person's id is not the subject's to be linked by.
        if event.session_id in people.texts:
            event.session_id = ""
        # A dead letter may have none any more.
        if raw := event.properties_json:
            measures = _measures(catalog, version)
            event.properties_json = orjson.dumps(
                without_mentions(orjson.loads(raw), people, (), measures)
            )
        self._unname(catalog.app_id, event, people, position, outcome)

    def replace_subject(self, catalog: Catalog, event: Event) -> People:
        """Puts a pseudonym in the place of the event's subject, and of the session; returns who it was,
        for the properties are left as they are."""
        subject_id = event.subject_id
        person = person_of(subject_id)
        self.remove_people(catalog, event, person, {catalog.subject_name})
        event.anonymous_id = self.person(catalog.app_id, subject_id)
        event.subject_id = ""
        if event.session_id:
            event.session_id = self.session(catalog.app_id, event.session_id)
        return person

    def remove_people(
        self, catalog: Catalog, event: Event, people: People, names: Collection[str] = ()
    ) -> None:
        """Removes the mentions of people, the subject or others, from what surrounds the event, and what
        is called one of `names`; an entity or a group that is a person has the pseudonym for its id
        afterwards."""
        ids = people.texts
        if event.HasField("entity"):
            entity = event.entity
            if entity.id in ids:
                entity.id = self.person(catalog.app_id, entity.id)
            if entity.type in ids:
                entity.type = ""
        if event.group_id in ids:
            event.group_id = self.person(catalog.app_id, event.group_id)
        request_id = event.request_id
        if request_id and any(names_person(request_id, person_id) for person_id in ids):
            event.request_id = ""
        if event.HasField("context"):
            context = event.context
            clear_mentions(context, people)
            if context.HasField("extra"):
                remove_mentions(context.extra, people, names)
        if event.HasField("attribution"):
            clear_mentions(event.attribution, people)

    def _unname(
        self, app_id: str, event: Event, people: People, position: int, outcome: Outcome
    ) -> None:
        """Replaces an event id that names one of the people by a UUID made from its pseudonym: the same
        one when the event comes again, and none that can be found by trying ids."""
        event_id = event.event_id
        if not any(names_person(event_id, person_id) for person_id in people.texts):
            return
        outcome.sent_ids.setdefault(position, event_id)
        keyed = uuid8(bytes.fromhex(self.event(app_id, event_id)))
        event.event_id = str(uuid.UUID(bytes=keyed))


def names_person(sent_id: str, person_id: str) -> bool:
    """Whether an event's or a request's id reveals whom it is about. A UUID contains a short id by chance,
    so it does only if it is the person's own."""
    if person_id not in sent_id:
        return False
    return person_id == sent_id or not event_uuid(sent_id)[1]


def _measures(catalog: Catalog, version: EventVersion | None) -> Collection[Path]:
    """Where numbers are no mentions: the catalog says that they are numbers, and not whose ids."""
    measures = catalog.measures
    if version is not None:
        measures |= version.number_properties
    return measures - {(catalog.subject_name,)}
