"""Answers whether consent allows a use: from the mirror if it can be trusted, else from Postgres."""

from collections.abc import Sequence
from typing import NoReturn

from libs.catalog import Catalogs, Purpose, Snapshot
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import Unavailable
from libs.consent import (
    ConsentState,
    ConsentUnavailable,
    Ruling,
    decide,
    decisions_for,
    is_subject_id,
    rulings_for,
    state_version,
)
from libs.consent.keys import erased_id
from services.privacy import metrics
from services.privacy.consent.model import Pseudonyms, Subject
from services.privacy.consent.ports import ConsentMirrorReader, ConsentStore
from services.privacy.consent.tokens import token_version
from services.privacy.consent.validation import check_purpose, check_subject


class Checker:
    """Decides for apps and purposes of the catalogs."""

    def __init__(
        self,
        catalogs: Catalogs,
        mirror: ConsentMirrorReader,
        store: ConsentStore,
        clock: Clock,
        pseudonyms: Pseudonyms,
    ) -> None:
        """`pseudonyms`: all that a person has had, under which the "no" of an erased person is kept."""
        self._catalogs = catalogs
        self._mirror = mirror
        self._store = store
        self._clock = clock
        self._pseudonyms = pseudonyms

    async def check(self, app_id: str, subject_id: str, purpose_name: str, token: str) -> Ruling:
        """The answer from a state at least as new as the token's.

        Raises AppUnknown, InvalidArgument, and Unavailable: CONSENT_STALE if only an
        older state than the token's can be read, CONSENT_UNAVAILABLE if none can.
        """
        snapshot = self._catalogs.current
        purpose = _purpose(snapshot, app_id, purpose_name)
        if purpose is None or not is_subject_id(subject_id):
            _raise_invalid(snapshot, app_id, subject_id, purpose_name)
        least = token_version(Subject(app_id, subject_id), token) if token else 0
        try:
            text = await self._mirror.read_one(app_id, subject_id)
            # Without a token every state is new enough.
            if not least or (text is not None and state_version(text) >= least):
                return decisions_for(purpose).ruling(text, self._clock.now_us())
        except (ConsentUnavailable, ValueError):
            pass  # a mirror that cannot be read, or holds what is no state
        [state] = await self._read_store(app_id, [subject_id])
        if least and (state is None or state.version < least):
            raise Unavailable(
                "only an older state than the token's can be read",
                reason="CONSENT_STALE",
                retry_after_seconds=0.2,
            )
        return decide(purpose, state, self._clock.now_us())

    async def check_many(
        self, app_id: str, subject_ids: Sequence[str], purpose_name: str
    ) -> Sequence[Ruling]:
        """One answer for each subject, in the order asked. Raises as `check` does."""
        snapshot = self._catalogs.current
        purpose = _purpose(snapshot, app_id, purpose_name)
        if purpose is None or not all(map(is_subject_id, subject_ids)):
            wrong = (n for n, subject_id in enumerate(subject_ids) if not is_subject_id(subject_id))
            place = next(wrong, 0)
            _raise_invalid(
                snapshot, app_id, subject_ids[place], purpose_name, f"subject_ids[{place}]"
            )
        try:
            encoded = await self._mirror.read(app_id, subject_ids)
            return rulings_for(purpose, encoded, self._clock.now_us())
        except (ConsentUnavailable, ValueError):
            states = await self._read_store(app_id, subject_ids)
            now_us = self._clock.now_us()
            return [decide(purpose, state, now_us) for state in states]

    async def _read_store(
        self, app_id: str, subject_ids: Sequence[str]
    ) -> Sequence[ConsentState | None]:
        try:
            states = list(await self._store.read(app_id, subject_ids))
            for position, state in enumerate(states):
                kept = map(erased_id, self._pseudonyms(app_id, subject_ids[position]))
                if state is None and (ids := list(kept)):
                    found = await self._store.read(app_id, ids)
                    states[position] = next((each for each in found if each), None)
        except Unavailable as error:
            raise ConsentUnavailable("consent cannot be read") from error
        metrics.CHECKS_FROM_POSTGRES.inc(len(subject_ids))
        return states


def _purpose(snapshot: Snapshot, app_id: str, name: str) -> Purpose | None:
    catalog = snapshot.catalogs.get(app_id)
    return None if catalog is None else catalog.purposes.get(name)


def _raise_invalid(
    snapshot: Snapshot,
    app_id: str,
    subject_id: str,
    purpose_name: str,
    field: str = "subject_id",
) -> NoReturn:
    """Raises what is wrong with the question."""
    check_purpose(catalog_of(snapshot, app_id), purpose_name)
    check_subject(subject_id, field)
    raise AssertionError("nothing is wrong with the question")
