"""Seals the marked properties of a chunk, with one look-up of keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from libs.catalog import Catalogs
from libs.common.exact_json import exact_dumps, exact_loads
from libs.common.pseudonym import Pseudonymizer, person_of
from libs.sealing import PersonKey, Place
from libs.sealing.values import NO_PERSON, seal_properties
from services.enrich import metrics
from services.enrich.model import WorkBatch
from services.enrich.sealing.known_keys import KnownKeys, Person
from services.enrich.sealing.removal import remove_properties

# Of one event: its batch and position, what it says, its person, and the names of its marked properties.
_ToSeal = tuple[WorkBatch, int, dict[str, Any], Person, frozenset[str]]


class Sealer:
    """Replaces the values of marked properties by sealed ones, in the events that are to be stored. What is
    handed on to aggregate lacks them: no number reads a sealed property, and an entry may be in quarantine
    for weeks."""

    def __init__(self, catalogs: Catalogs, pseudonymizer: Pseudonymizer, keys: KnownKeys) -> None:
        self._catalogs = catalogs
        self._pseudonymizer = pseudonymizer
        self._keys = keys

    async def seal(self, batches: Sequence[WorkBatch]) -> None:
        """Seals the events of the batches; those whose properties cannot be read fail. Raises
        KeysUnavailable, and what Redis raises, before anything is changed."""
        found: list[_ToSeal] = []
        for batch in batches:
            if marked := self._marked(batch.app_id):
                self._find(batch, marked, found)
        if not found:
            return
        latest: dict[Person, int] = {}
        for batch, position, _, person, _ in found:
            moment_us = batch.oldest_us(position)
            latest[person] = max(latest.get(person, moment_us), moment_us)
        keys = await self._keys.of(latest)
        for batch, position, properties, person, names in found:
            event = batch.enriched[position]
            assert event is not None
            moment_us = batch.oldest_us(position)
            sealed = _sealed(keys[person], moment_us, person, event.event_uuid, properties, names)
            if sealed is None:
                # The person was erased after it had occurred.
                sealed = {name: properties[name] for name in properties if name not in names}
                metrics.NOT_SEALED.labels(batch.app_id).inc()
            event.event.properties_json = exact_dumps(sealed)

    async def seal_stored(
        self,
        app_id: str,
        person: bytes,
        event_uuid: bytes,
        moment_us: int,
        properties: Mapping[str, Any],
        names: Collection[str],
    ) -> dict[str, Any] | None:
        """The properties of a stored event, which is of that time in microseconds since the epoch, with those
        called one of `names` sealed; None if the person was erased since then. Raises as `seal`."""
        whose = (app_id, person)
        keys = await self._keys.of({whose: moment_us})
        return _sealed(keys[whose], moment_us, whose, event_uuid, properties, names)

    def note_marked(self, batches: Sequence[WorkBatch]) -> None:
        """Says of each batch which properties are not handed on."""
        for batch in batches:
            batch.sealed = self._marked(batch.app_id)

    def remove_from_failed(self, batches: Sequence[WorkBatch]) -> None:
        """Removes marked properties from events that become dead letters, which hold nothing that should
        have been sealed."""
        for batch in batches:
            if batch.failed and (marked := self._marked(batch.app_id)):
                batch.failed = [
                    replace(failed, is_reduced=True)
                    if remove_properties(batch.events[failed.position], marked)
                    else failed
                    for failed in batch.failed
                ]

    def _marked(self, app_id: str) -> Mapping[str, frozenset[str]]:
        """The marked properties by the names of events, by the newest catalog that there was of the app."""
        newest = self._catalogs.newest(app_id)
        return newest.catalog.sealed if newest else {}

    def _find(
        self, batch: WorkBatch, marked: Mapping[str, frozenset[str]], found: list[_ToSeal]
    ) -> None:
        for position, enriched in enumerate(batch.enriched):
            if enriched is None or (names := marked.get(enriched.event.name)) is None:
                continue
            event = enriched.event
            try:
                properties = exact_loads(event.properties_json)
            except ValueError:
                _fail(batch, position, "its properties cannot be read while sealing")
                continue
            if names.isdisjoint(properties):
                continue
            named = person_of(
                self._pseudonymizer, batch.app_id, event.subject_id, event.anonymous_id
            )
            person = bytes.fromhex(named) if named else NO_PERSON
            found.append((batch, position, properties, (batch.app_id, person), names))


def _sealed(
    key: PersonKey,
    moment_us: int,
    person: Person,
    event_uuid: bytes,
    properties: Mapping[str, Any],
    names: Collection[str],
) -> dict[str, Any] | None:
    """The properties with those called one of `names` sealed; None if the key seals nothing of that time."""
    data_key = key.for_event(moment_us)
    if data_key is None:
        return None
    return seal_properties(properties, names, data_key, Place(*person, event_uuid))


def _fail(batch: WorkBatch, position: int, reason: str) -> None:
    batch.enriched[position] = None
    batch.fail(position, reason)
