"""What consent lets through: one read for a whole batch, then a decision for each event."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from libs.catalog import Catalog, EventType
from libs.consent import Decision, decide, parse_state
from services.ingest.anonymization import Anonymizer, truncate_ip
from services.ingest.model import Verdict
from services.ingest.ports import ConsentStates
from services.ingest.screening import Properties

PRIVACY_LEVEL_PII = 3


class ConsentGate:
    """Decides for each event whether it passes as it is, under a pseudonym, or not at all."""

    def __init__(self, states: ConsentStates, anonymizer: Anonymizer) -> None:
        self._states = states
        self._anonymizer = anonymizer

    async def admit(
        self,
        catalog: Catalog,
        passed: Sequence[tuple[int, Any, EventType, Properties]],
        refused: Iterable[tuple[int, Any]],
        verdicts: list[Verdict],
    ) -> list[tuple[int, Any, EventType]]:
        """The events that may go on, changed as consent asks; sets the verdict of the others.

        `passed` are events that screening let through; `refused` those that will become dead letters,
        which need consent to be kept just as well: without it their verdict becomes DROPPED.
        Raises Unavailable where consent cannot be read.
        """
        refused = list(refused)
        self._lift_subjects(catalog, passed)
        subjects = [event.subject_id for _, event, _, _ in passed]
        subjects += [event.subject_id for _, event in refused]
        asked = [subject for subject in subjects if subject]
        answers = iter(await self._states.read(catalog.app_id, asked) if asked else ())
        admitted = []
        for (index, event, event_type, properties), subject in zip(passed, subjects, strict=False):
            context_ip = event.context.ip
            if context_ip:
                event.context.ip = truncate_ip(context_ip)
            if event.anonymous_id:
                event.anonymous_id = self._anonymizer.rekeyed(catalog.app_id, event.anonymous_id)
            if subject:
                state = next(answers)
                purpose = event_type.purpose
                if purpose is not None:
                    decision = decide(purpose, parse_state(state) if state else None)
                    if decision is Decision.DROP:
                        verdicts[index] = Verdict.DROPPED
                        continue
                else:
                    decision = Decision.ALLOW
                if decision is Decision.ANONYMIZE or event.privacy_level == PRIVACY_LEVEL_PII:
                    self._anonymize(catalog, event, properties)
                    verdicts[index] = Verdict.ANONYMIZED
            admitted.append((index, event, event_type))
        for index, event in refused:
            verdicts[index] = self._refused_verdict(
                catalog, event, next(answers) if event.subject_id else None
            )
        return admitted

    def _lift_subjects(
        self, catalog: Catalog, passed: Sequence[tuple[int, Any, EventType, Properties]]
    ) -> None:
        """Some events name their person among the properties only; consent must find them there too."""
        name = catalog.subject_name
        for _, event, _, properties in passed:
            if name in properties and not event.subject_id and properties[name] is not None:
                event.subject_id = str(properties[name])

    def _anonymize(self, catalog: Catalog, event: Any, properties: Properties) -> None:
        event.anonymous_id = self._anonymizer.person(catalog.app_id, event.subject_id)
        event.subject_id = ""
        if event.session_id:
            event.session_id = self._anonymizer.session(catalog.app_id, event.session_id)
        if catalog.subject_name in properties:
            kept = {k: v for k, v in properties.items() if k != catalog.subject_name}
            event.properties_json = orjson.dumps(kept)

    def _refused_verdict(self, catalog: Catalog, event: Any, state: bytes | None) -> Verdict:
        event.context.ip = truncate_ip(event.context.ip)
        if event.anonymous_id:
            event.anonymous_id = self._anonymizer.rekeyed(catalog.app_id, event.anonymous_id)
        if not event.subject_id:
            return Verdict.REJECTED
        known = catalog.events.get(event.name)
        # The purpose of an unknown event is unknown, so the strictest answer of the person counts,
        # though a dead letter is kept under a pseudonym at least: it is what a fix will replay.
        purposes = catalog.purposes.values() if known is None else filter(None, [known.purpose])
        parsed = parse_state(state) if state else None
        decisions = {decide(purpose, parsed) for purpose in purposes}
        if known is not None and Decision.DROP in decisions:
            return Verdict.DROPPED
        if decisions - {Decision.ALLOW}:
            # What the properties of a malformed event say about the person cannot be known.
            self._anonymize(catalog, event, {})
            event.properties_json = b"{}"
        return Verdict.REJECTED
