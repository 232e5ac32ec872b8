"""Changes a stored event, once for each request: the event and the journal are one transaction."""

from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import UUID

from libs.catalog import Catalogs
from libs.common.errors import FailedPrecondition, NotFound, Unavailable
from libs.common.pseudonym import Pseudonymizer, person_of
from libs.common.rectification import Rectification, Rectified, value_hash
from libs.sealing.keys import KeysUnavailable
from libs.stores.erasure_journal import ErasureEntry, ErasureJournal
from services.enrich.rectification.correction import corrected
from services.enrich.rectification.model import Corrected, StoredEvent
from services.enrich.rectification.postgres import PostgresEvents
from services.enrich.sealing.sealer import Sealer

# A person's event is changed by jobs and erasures, too, but not again and again.
_ATTEMPTS = 5
_DONE, _CUT_OFF = "rectified", "cut_off"


class EnrichRectification:
    """Implements `libs.common.rectification.RectifiableEvents`."""

    def __init__(
        self,
        catalogs: Catalogs,
        events: PostgresEvents,
        sealer: Sealer,
        pseudonymizer: Pseudonymizer,
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._sealer = sealer
        self._pseudonymizer = pseudonymizer
        self._journal = ErasureJournal("enrich")

    async def rectify(self, rectification: Rectification) -> Rectified:
        """See the port. Unavailable without a catalog or the person's key, and if the event changes all the
        time."""
        app_id = rectification.subject.app_id
        done = await self.outcome(app_id, rectification.request_id, give_up=False)
        if done is not None:
            return done
        for _ in range(_ATTEMPTS):
            event = await self._find(rectification)
            correction = await self._correction(rectification, event)
            sealed = await self._sealed(app_id, event, correction)
            done = await self._write(rectification, event, sealed)
            if done is not None:
                return done
        raise Unavailable("the event is being changed by others", retry_after_seconds=1)

    async def outcome(self, app_id: str, request_id: UUID, *, give_up: bool) -> Rectified | None:
        """See the port."""
        async with self._events.engine.begin() as connection:
            entry = await self._journal.open(connection, request_id)
            if give_up and _DONE not in entry.position:
                entry.position[_CUT_OFF] = True
                await self._journal.save(connection, entry)
        return _done(entry)

    async def _find(self, rectification: Rectification) -> StoredEvent:
        """Raises NotFound, and FailedPrecondition if it cannot be said which one is meant."""
        found = await self._events.find(rectification.subject, rectification.event_uuid)
        if not found:
            raise NotFound(
                "no stored event with this id is about the person; what is in the archive alone is"
                " not stored any more",
                reason="STORED_EVENT_UNKNOWN",
                metadata={},
            )
        if len(found) > 1:
            raise FailedPrecondition(
                "the id was sent again with another time, and several events of the person have it",
                reason="NOT_RECTIFIABLE",
            )
        return found[0]

    async def _correction(self, rectification: Rectification, event: StoredEvent) -> Corrected:
        app_id = rectification.subject.app_id
        newest = self._catalogs.newest(app_id)
        if newest is None:
            raise Unavailable("no catalog of the app is loaded", retry_after_seconds=5)
        subject_id = rectification.subject.subject_id
        return corrected(newest.catalog, event, subject_id, rectification.changes)

    async def _sealed(self, app_id: str, event: StoredEvent, correction: Corrected) -> Corrected:
        """The correction as it may be stored, and hashed: what a hash of the plain value would tell about a
        guess outlives the person's key."""
        if not correction.to_seal:
            return correction
        named = (
            event.person.hex
            if event.person
            else person_of(self._pseudonymizer, app_id, event.subject_id, event.anonymous_id)
        )
        try:
            properties = await self._sealer.seal_stored(
                app_id,
                bytes.fromhex(named),
                event.event_uuid.bytes,
                event.oldest_us,
                correction.properties,
                correction.to_seal,
            )
        except KeysUnavailable as error:
            raise Unavailable("the person's key cannot be read", retry_after_seconds=1) from error
        if properties is None:
            raise _fenced()
        # Sealed properties change as a whole.
        sealed = {
            name: (correction.values[name][0], (properties[name],)) for name in correction.to_seal
        }
        return replace(correction, properties=properties, values={**correction.values, **sealed})

    async def _write(
        self, rectification: Rectification, event: StoredEvent, correction: Corrected
    ) -> Rectified | None:
        """What was done; None if the event is not as it was read."""
        subject = rectification.subject
        async with self._events.engine.begin() as connection:
            entry = await self._journal.open(connection, rectification.request_id)
            done = _done(entry)
            if done is not None:
                return done
            if _CUT_OFF in entry.position:
                raise FailedPrecondition(
                    "the request was given up: make another one", reason="NOT_RECTIFIABLE"
                )
            if await self._events.is_fenced(connection, subject, event):
                raise _fenced()
            if not await self._events.replace(connection, subject.app_id, event, correction):
                return None
            entry.position[_DONE] = {
                path: [self._hash(subject.app_id, event, path, value) for value in values]
                for path, values in correction.values.items()
            }
            entry.note_changed(event.name, event.occurred_at.astimezone(UTC).date().isoformat())
            await self._journal.save(connection, entry)
        return _done(entry)

    def _hash(self, app_id: str, event: StoredEvent, path: str, value: tuple[Any, ...]) -> str:
        """Of a value, in a tuple; empty for none."""
        if not value:
            return ""
        return value_hash(self._pseudonymizer, app_id, event.event_uuid, path, value[0])


def _done(entry: ErasureEntry) -> Rectified | None:
    """What the journal says was done."""
    if _DONE not in entry.position:
        return None
    [(name, [day])] = entry.changed.items()
    hashes = {path: (before, after) for path, (before, after) in entry.position[_DONE].items()}
    return Rectified(name, day, hashes)


def _fenced() -> FailedPrecondition:
    return FailedPrecondition(
        "the person is being erased, or was since the event", reason="NOT_RECTIFIABLE"
    )
