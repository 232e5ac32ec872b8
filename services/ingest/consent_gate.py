"""What consent lets through: one read for a whole batch, then a decision for each event."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from libs.catalog import Catalog
from libs.catalog.event_words import PRIVACY_LEVELS
from libs.consent import (
    ConsentState,
    ConsentUnavailable,
    Decision,
    decide,
    is_subject_id,
    parse_state,
)
from services.ingest.anonymization import (
    Anonymizer,
    clear_mentions,
    remove_mentions,
    truncate_ip,
)
from services.ingest.model import Verdict
from services.ingest.ports import ConsentStates
from services.ingest.properties import PropertiesError, parse_properties
from services.ingest.screening import Candidate, lifted_id

PRIVACY_LEVEL_PII = PRIVACY_LEVELS.index("pii")


class ConsentGate:
    """Decides for each event whether it passes as it is, under a pseudonym, or not at all."""

    def __init__(self, states: ConsentStates, anonymizer: Anonymizer) -> None:
        self._states = states
        self._anonymizer = anonymizer

    async def admit(
        self,
        catalog: Catalog,
        candidates: Sequence[Candidate],
        refused: Sequence[tuple[int, Any]],
        verdicts: list[Verdict],
    ) -> list[Candidate]:
        """The candidates that may go on, changed as consent asks; sets the verdict of the others.

        `refused` events will become dead letters, which need consent to be kept just as well: without
        it their verdict becomes DROPPED. Raises Unavailable where consent cannot be read.
        """
        unreadable = {
            position for position, event in refused if not self._lift_subject(catalog, event)
        }
        asked = [candidate.subject_id for candidate in candidates if candidate.subject_id]
        askers = [event.subject_id for _, event in refused if is_subject_id(event.subject_id)]
        answers = iter(await self._states.read(catalog.app_id, asked + askers))
        admitted = []
        for candidate in candidates:
            event, event_type = candidate.event, candidate.event_type
            self._truncate(event)
            if event.anonymous_id:
                event.anonymous_id = self._anonymizer.rekeyed(catalog.app_id, event.anonymous_id)
            if candidate.subject_id:
                state = next(answers)
                purpose = event_type.purpose
                decision = Decision.ALLOW
                if purpose is not None:
                    decision = decide(purpose, _parsed(state))
                    if decision is Decision.DROP:
                        verdicts[candidate.position] = Verdict.DROPPED
                        continue
                if decision is Decision.ANONYMIZE or event.privacy_level == PRIVACY_LEVEL_PII:
                    self._anonymize(catalog, candidate)
                    verdicts[candidate.position] = Verdict.ANONYMIZED
            admitted.append(candidate)
        for position, event in refused:
            state = next(answers) if is_subject_id(event.subject_id) else None
            verdicts[position] = self._refused_verdict(
                catalog, event, state, unreadable=position in unreadable
            )
        return admitted

    def _truncate(self, event: Any) -> None:
        context = event.context
        if address := context.ip:
            context.ip = truncate_ip(address)

    def _anonymize(self, catalog: Catalog, candidate: Candidate) -> None:
        event = candidate.event
        self._replace_person(catalog, event)
        private = candidate.version.pii_properties | {catalog.subject_name}
        if not private.isdisjoint(candidate.properties):
            event.properties_json = orjson.dumps(
                {name: value for name, value in candidate.properties.items() if name not in private}
            )

    def _replace_person(self, catalog: Catalog, event: Any) -> None:
        subject_id = event.subject_id
        event.anonymous_id = self._anonymizer.person(catalog.app_id, subject_id)
        if event.entity.id == subject_id:
            event.entity.id = event.anonymous_id
        if event.group_id == subject_id:
            event.group_id = event.anonymous_id
        if event.request_id == subject_id:
            event.request_id = ""
        context = event.context
        clear_mentions(context, subject_id)
        clear_mentions(event.attribution, subject_id)
        if context.HasField("extra"):
            remove_mentions(context.extra, {catalog.subject_name, subject_id}, subject_id)
        # What our schema does not know may say who it is.
        event.DiscardUnknownFields()
        event.subject_id = ""
        if event.session_id:
            event.session_id = self._anonymizer.session(catalog.app_id, event.session_id)

    def _lift_subject(self, catalog: Catalog, event: Any) -> bool:
        """Lets a refused event be about the person whom only its properties name; False where what
        they say about a person cannot be known."""
        if event.subject_id:
            return True
        try:
            properties = parse_properties(event)
        except PropertiesError:
            return False
        event.subject_id = lifted_id(properties.get(catalog.subject_name))
        return bool(event.subject_id) or properties.get(catalog.subject_name) in (None, "")

    def _refused_verdict(
        self, catalog: Catalog, event: Any, state: bytes | None, *, unreadable: bool
    ) -> Verdict:
        self._truncate(event)
        if event.anonymous_id:
            event.anonymous_id = self._anonymizer.rekeyed(catalog.app_id, event.anonymous_id)
        if not event.subject_id and not unreadable:
            return Verdict.REJECTED
        known = catalog.events.get(event.name)
        # The purpose of an unknown event is unknown, so any of the person's refusals counts; but what
        # a corrected catalog would accept is worth keeping under a pseudonym.
        purposes: Iterable[Any] = catalog.purposes.values() if known is None else [known.purpose]
        parsed = _parsed(state)
        decisions = {decide(purpose, parsed) for purpose in purposes if purpose is not None}
        if known is not None and Decision.DROP in decisions and not unreadable:
            return Verdict.DROPPED
        if decisions - {Decision.ALLOW} or event.privacy_level == PRIVACY_LEVEL_PII:
            if event.subject_id:
                self._replace_person(catalog, event)
            # What the properties of a malformed event say about the person cannot be known.
            event.properties_json = b"{}"
            event.context.ClearField("extra")
            event.DiscardUnknownFields()
        return Verdict.REJECTED


def _parsed(text: bytes | None) -> ConsentState | None:
    """A person's state. Raises ConsentUnavailable for a damaged one: it does not say what was refused."""
    if text is None:
        return None
    try:
        return parse_state(text)
    except ValueError:
        raise ConsentUnavailable(
            "a person's consent is recorded in a form that cannot be read"
        ) from None
