"""Answers whether consent allows a use: from the mirror if it can be trusted, else from Postgres."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NoReturn

from libs.catalog import Catalogs, Purpose, Snapshot
from libs.common.apps import catalog_of
from libs.common.errors import Unavailable
from libs.consent import (
    ConsentState,
    ConsentUnavailable,
    Decision,
    decide,
    decide_all,
    is_subject_id,
)
from libs.consent.state import parse_choices, split_state
from services.privacy import metrics
from services.privacy.consent.model import ConsentAnswer, Subject
from services.privacy.consent.ports import ConsentMirrorReader, ConsentStore
from services.privacy.consent.tokens import token_version
from services.privacy.consent.validation import check_purpose, check_subject


class Checker:
    """Decides for apps and purposes of the catalogs."""

    def __init__(
        self, catalogs: Catalogs, mirror: ConsentMirrorReader, store: ConsentStore
    ) -> None:
        self._catalogs = catalogs
        self._mirror = mirror
        self._store = store

    async def check(
        self, app_id: str, subject_id: str, purpose_name: str, token: str
    ) -> ConsentAnswer:
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
            version, choices = (0, None) if text is None else split_state(text)
            if version >= least:
                return _answer_of_choices(purpose, choices)
        except (ConsentUnavailable, ValueError):
            pass  # a mirror that cannot be read, or holds what is no state
        [state] = await self._read_store(app_id, [subject_id])
        if least and (state is None or state.version < least):
            raise Unavailable(
                "only an older state than the token's can be read",
                reason="CONSENT_STALE",
                retry_after_seconds=0.2,
            )
        return _answer(purpose, state)

    async def check_many(
        self, app_id: str, subject_ids: Sequence[str], purpose_name: str
    ) -> Sequence[Decision]:
        """One decision for each subject, in the order asked. Raises as `check` does."""
        snapshot = self._catalogs.current
        purpose = _purpose(snapshot, app_id, purpose_name)
        if purpose is None or not all(map(is_subject_id, subject_ids)):
            wrong = (n for n, subject_id in enumerate(subject_ids) if not is_subject_id(subject_id))
            place = next(wrong, 0)
            _raise_invalid(
                snapshot, app_id, subject_ids[place], purpose_name, f"subject_ids[{place}]"
            )
        try:
            return decide_all(purpose, await self._mirror.read(app_id, subject_ids))
        except (ConsentUnavailable, ValueError):
            states = await self._read_store(app_id, subject_ids)
            return [decide(purpose, state) for state in states]

    async def _read_store(
        self, app_id: str, subject_ids: Sequence[str]
    ) -> Sequence[ConsentState | None]:
        try:
            states = await self._store.read(app_id, subject_ids)
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


# Keyed by content: see `libs.consent.state`.
@lru_cache(maxsize=4096)
def _answer_of_choices(purpose: Purpose, choices: bytes | None) -> ConsentAnswer:
    return _answer(purpose, None if choices is None else ConsentState(0, parse_choices(choices)))


def _answer(purpose: Purpose, state: ConsentState | None) -> ConsentAnswer:
    recorded = state is not None and purpose.name in state.choices
    return ConsentAnswer(decide(purpose, state), recorded)
