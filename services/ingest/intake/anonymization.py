"""Removes people from events before anything is buffered."""

import uuid
from collections.abc import Collection, Iterable
from functools import partial

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventVersion
from libs.common.envelope_mentions import clean_envelope, clean_session
from libs.common.exact_json import exact_dumps, exact_loads
from libs.common.ids import uuid8
from libs.common.mentions import (
    REDACTED,
    Path,
    PersonIds,
    ids_of,
    properties_without_mentions,
    reveals_one,
)
from libs.common.pseudonym import Pseudonymizer, anonymous_text, event_text, session_text
from services.ingest.intake.day_only import cut_to_day
from services.ingest.intake.keyed_hashes import hash_named
from services.ingest.intake.model import Candidate, Outcome, Verdict
from services.ingest.intake.subjects import others_named


class Anonymizer:
    """Replaces people by pseudonyms, everywhere that an event names them."""

    def __init__(self, pseudonymizer: Pseudonymizer) -> None:
        self._pseudonymizer = pseudonymizer

    def subject(self, app_id: str, subject_id: str) -> str:
        """The pseudonym of a person."""
        return self._pseudonymizer.pseudonym(app_id, subject_id)

    def session(self, app_id: str, session_id: str) -> str:
        """The pseudonym of a session, whose id would link the event to the person's other events."""
        return self._pseudonymizer.pseudonym(app_id, session_text(session_id))

    def anonymous_id(self, app_id: str, anonymous_id: str) -> str:
        """The pseudonym of a producer's own `anonymous_id`, which may be a hash that can be reversed."""
        return self._pseudonymizer.pseudonym(app_id, anonymous_text(anonymous_id))

    def hash_named(self, catalog: Catalog, event: Event) -> bool:
        """Replaces values by their keyed hashes, as the catalog lists them. Returns whether the properties,
        which have to be JSON, have changed."""
        return hash_named(catalog, event, partial(self.named_hash, catalog.app_id))

    def named_hash(self, app_id: str, text: str) -> str:
        """The keyed hash of a value that the catalog lists."""
        return self._pseudonymizer.pseudonym(app_id, f"named\x00{text}")

    def event_id(self, app_id: str, event_id: str) -> str:
        """The pseudonym of an event id that may reveal whom the event is about."""
        return self._pseudonymizer.pseudonym(app_id, event_text(event_id))

    def remove_traces(self, candidate: Candidate) -> None:
        """Removes session and address, which not even pseudonyms may stand for."""
        candidate.event.session_id = ""
        self.remove_address(candidate)

    def remove_address(self, candidate: Candidate) -> None:
        """Removes the address, so that no country can be found later."""
        event = candidate.event
        if event.context.ip:
            event.context.ip = ""

    def replace_anonymous_id(self, catalog: Catalog, candidate: Candidate) -> None:
        """Replaces the producer's own `anonymous_id` by its pseudonym."""
        pseudonym = self.anonymous_id(catalog.app_id, candidate.anonymous_id)
        candidate.event.anonymous_id = pseudonym

    def remove_content(self, catalog: Catalog, candidate: Candidate, outcome: Outcome) -> Candidate:
        """Removes what a counts-only event may not have: everything but its day, whom it is about, the group,
        declared properties and an entity that a rollup reads. Returns the candidate with its new id."""
        event = candidate.event
        # Others of the session's events have a time.
        for field in ("context", "attribution", "request_id", "session_id"):
            event.ClearField(field)
        if candidate.event_type.name not in catalog.entity_events:
            event.ClearField("entity")
        outcome.sent_ids.setdefault(candidate.position, candidate.event_id)
        self.remove_time(catalog, event)
        return candidate._replace(event_id=event.event_id)

    def remove_time(self, catalog: Catalog, event: Event) -> None:
        """Leaves the event's day of its time. Its id, of which a time may be a part, as in a UUIDv7, becomes
        a UUID made from its pseudonym: the same one when the event comes again."""
        cut_to_day(event)
        if event.event_id:
            event.event_id = self._keyed_id(catalog.app_id, event.event_id)

    def anonymize(
        self,
        catalog: Catalog,
        candidate: Candidate,
        outcome: Outcome,
        *,
        keeps_undeclared: bool,
    ) -> Candidate:
        """Replaces the subject of an event, if it has one, and the session by pseudonyms, and removes from
        its properties what is marked as personal and every mention of the subject; unless `keeps_undeclared`,
        also properties that the catalog does not declare, and `context.extra`, as nothing says that they
        identify no one. Returns the candidate with its new id and properties."""
        event, private = candidate.event, candidate.version.pii_properties
        if candidate.subject_id:
            ids = self.replace_subject(catalog, event)
        else:
            ids = PersonIds(())
            self.replace_session(catalog, event)
        properties = candidate.properties
        if private:
            properties = {name: item for name, item in properties.items() if name not in private}
        if not keeps_undeclared:
            declared = candidate.version.declared
            properties = {name: item for name, item in properties.items() if name in declared}
            if event.context.HasField("extra"):
                event.context.ClearField("extra")
        measures = _measures(catalog, candidate.version)
        properties = properties_without_mentions(properties, ids, {catalog.subject_name}, measures)
        if properties != candidate.properties:
            event.properties_json = exact_dumps(properties)
        self._replace_event_id(catalog.app_id, event, ids, candidate.position, outcome)
        return _read_again(candidate)

    def remove_person(self, catalog: Catalog, candidate: Candidate, outcome: Outcome) -> Candidate:
        """Removes everything that identifies a person from an event of a category that has no people: the
        subject, the teacher, the `anonymous_id` and the session, marked properties, an entity that is a
        person, and every mention of them. Gives the verdict ANONYMIZED if there is any of that. Returns the
        candidate with its new id and properties."""
        event, version = candidate.event, candidate.version
        marked = {catalog.subject_name, *version.pii_properties, *version.subject_properties}
        ids = PersonIds(
            (
                *filter(None, (candidate.subject_id, event.context.teacher_id)),
                *others_named(
                    catalog,
                    event,
                    version.subject_properties,
                    candidate.properties,
                    candidate.subject_id,
                ),
            )
        )
        if not (
            ids.texts
            or candidate.anonymous_id
            or candidate.session_id
            or not marked.isdisjoint(candidate.properties)
        ):
            return candidate
        event.subject_id = event.anonymous_id = event.session_id = ""
        if event.context.teacher_id:
            event.context.teacher_id = ""
        if event.group_id in ids.texts:
            event.group_id = ""
        if event.entity.id in ids.texts:
            event.ClearField("entity")
        # Not even pseudonyms.
        clean_envelope(
            event, ids, lambda _: REDACTED, person_types=None, names=(catalog.subject_name,)
        )
        event.properties_json = exact_dumps(
            properties_without_mentions(
                candidate.properties, ids, marked, _measures(catalog, version)
            )
        )
        self._replace_event_id(catalog.app_id, event, ids, candidate.position, outcome)
        outcome.verdicts[candidate.position] = Verdict.ANONYMIZED
        return _read_again(candidate)

    def remove_others(
        self, catalog: Catalog, candidate: Candidate, person_ids: Iterable[str], outcome: Outcome
    ) -> Candidate:
        """`remove_people` for an event that passed. Returns the candidate with its new id and properties."""
        position, event, version = candidate.position, candidate.event, candidate.version
        self.remove_people(catalog, version, event, person_ids, position, outcome)
        return _read_again(candidate)

    def remove_people(
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
        ids = PersonIds(person_ids)
        pseudonym_of = partial(self.subject, catalog.app_id)
        clean_envelope(event, ids, pseudonym_of, person_types=None)
        clean_session(event, ids, pseudonym_of)
        # Properties may have been removed from a rejected event.
        if raw := event.properties_json:
            measures = _measures(catalog, version)
            event.properties_json = exact_dumps(
                properties_without_mentions(exact_loads(raw), ids, (), measures)
            )
        self._replace_event_id(catalog.app_id, event, ids, position, outcome)

    def replace_subject(self, catalog: Catalog, event: Event) -> PersonIds:
        """Replaces the event's subject and session by pseudonyms, and leaves the properties as they are.
        Returns the ids by which these may mention the subject."""
        subject_id = event.subject_id
        ids = ids_of(subject_id)
        pseudonym = self.subject(catalog.app_id, subject_id)
        clean_envelope(
            event, ids, lambda _: pseudonym, person_types=None, names=(catalog.subject_name,)
        )
        event.anonymous_id = pseudonym
        event.subject_id = ""
        self.replace_session(catalog, event)
        return ids

    def replace_session(self, catalog: Catalog, event: Event) -> None:
        """Replaces the event's session, if it has one, by its pseudonym."""
        if event.session_id:
            event.session_id = self.session(catalog.app_id, event.session_id)

    def _replace_event_id(
        self, app_id: str, event: Event, ids: PersonIds, position: int, outcome: Outcome
    ) -> None:
        """Replaces an event id that reveals one of the people by a UUID made from its pseudonym: the same
        one when the event comes again, and not to be found by trying ids."""
        event_id = event.event_id
        if not reveals_one(event_id, ids):
            return
        outcome.sent_ids.setdefault(position, event_id)
        event.event_id = self._keyed_id(app_id, event_id)

    def _keyed_id(self, app_id: str, event_id: str) -> str:
        return str(uuid.UUID(bytes=uuid8(bytes.fromhex(self.event_id(app_id, event_id)))))


def _read_again(candidate: Candidate) -> Candidate:
    event = candidate.event
    return candidate._replace(event_id=event.event_id, properties_json=event.properties_json)


def _measures(catalog: Catalog, version: EventVersion | None) -> Collection[Path]:
    """The paths of properties whose numbers are no mentions: the catalog says that they are numbers, and
    not ids of people."""
    measures = catalog.measures
    if version is not None:
        measures |= version.number_properties
    return measures - {(catalog.subject_name,)}
