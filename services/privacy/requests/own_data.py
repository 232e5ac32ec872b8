"""What privacy itself holds about a person: consent, its history, its mirror, and earlier requests."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.clock import us_of
from libs.common.subject_data import StoreCounts, SubjectRef
from libs.consent import ALL_PURPOSES, Choice, ConsentState, Status, encode_state
from libs.consent.keys import erased_id
from services.privacy.consent.model import ActorRole, Recorded, Recording, Subject
from services.privacy.consent.postgres import (
    LOCK_SUBJECT,
    NEXT_VERSION,
    PostgresConsentTransaction,
)
from services.privacy.consent.redis import RedisConsentMirror
from services.privacy.requests.model import SubjectRequest
from services.privacy.sealing.postgres import erase_keys

_HAS_AGREED_SINCE = text("""
SELECT EXISTS (SELECT FROM privacy.consents
    WHERE app_id = :app_id AND subject_id = :subject_id AND version > :version AND status = 'granted')
""")
_IS_RESTRICTED = text("""
SELECT EXISTS (SELECT FROM privacy.consents
    WHERE app_id = :app_id AND subject_id = :subject_id AND version <= :version AND status = 'restricted')
""")
_OPEN_DOOR = text("SET LOCAL weir.erasure = 'on'")
_CLOSE_DOOR = text("SET LOCAL weir.erasure = 'off'")
_DELETE_HISTORY = text("""
DELETE FROM privacy.consent_history
WHERE app_id = :app_id AND subject_id = :subject_id AND (version <= :version OR NOT :has_agreed)
""")
_DELETE_CONSENTS = text(
    "DELETE FROM privacy.consents WHERE app_id = :app_id AND subject_id = :subject_id"
)
# The person's "no" stays, under the pseudonym, to every purpose that there is or will be: without any record
# the catalog's default would count.
_KEEP_DENIALS = text("""
INSERT INTO privacy.consents (app_id, subject_id, purpose, granted, version, recorded_at, status)
SELECT :app_id, :subject_id, purpose, false, :version, :recorded_at, 'withdrawn'
FROM unnest(CAST(:purposes AS text[])) AS purpose
ON CONFLICT (app_id, subject_id, purpose) DO UPDATE SET granted = false, version = excluded.version,
    recorded_at = excluded.recorded_at, status = 'withdrawn', expires_at = NULL, by_guardian = false
""")
_PURPOSES = text("""
SELECT DISTINCT purpose FROM privacy.consents
WHERE app_id = :app_id AND subject_id = :subject_id AND purpose NOT IN ('', '*')
""")
# Keyed hashes of values go with the values. Requests that have ended have no id any more, unless an earlier
# release ended them.
_FORGET_REQUESTS = text("""
UPDATE privacy.subject_requests SET subject_id = NULL,
    parameters = CASE WHEN kind = 'rectification' THEN parameters - 'properties' ELSE parameters END,
    result = CASE WHEN kind = 'rectification' THEN NULL ELSE result END,
    done_at = CASE WHEN state IN ('waiting', 'running') THEN :now ELSE done_at END,
    state = CASE WHEN state IN ('waiting', 'running') THEN 'failed' ELSE state END,
    failure = CASE WHEN state IN ('waiting', 'running') THEN 'the person was erased meanwhile' ELSE failure
    END
WHERE app_id = :app_id AND request_id <> :request_id
    AND (subject_id = :subject_id OR (
        kind = 'rectification' AND subject = ANY(:persons) AND parameters -> 'properties' IS NOT NULL))
    AND (created_at <= :fenced_at OR state NOT IN ('waiting', 'running'))
""")
CONSENTS, HISTORY = "privacy.consents", "privacy.consent_history"
REQUESTS = "privacy.subject_requests"


async def erase_own(
    connection: AsyncConnection,
    mirror: RedisConsentMirror,
    request: SubjectRequest,
    withdrawal: int,
    persons: Sequence[str],
    now: datetime,
    *,
    keys_stay_because: str = "",
    only_retired_keys: bool = False,
) -> list[StoreCounts]:
    """Erases what was recorded, in the caller's transaction, and destroys the keys of the person, all of
    whose pseudonyms are given, unless there is a reason that they stay; with `only_retired_keys` those stay
    that were made since the fence. A person who has agreed to something
    since the `withdrawal`, a version, keeps the state of consent, and its history from then on, but no
    restriction from before: that is lifted, and to be mirrored again after the commit. Raises Unavailable if
    Redis is away."""
    assert request.subject_id is not None
    assert request.fenced_at is not None
    subject = Subject(request.app_id, request.subject_id)
    values: Mapping[str, Any] = {
        **subject._asdict(),
        "version": withdrawal,
        "request_id": request.request_id,
        "fenced_at": request.fenced_at,
        "now": now,
        "persons": list(persons),
    }
    await connection.execute(LOCK_SUBJECT, subject._asdict())
    has_agreed = (await connection.execute(_HAS_AGREED_SINCE, values)).scalar_one()
    purposes = (await connection.execute(_PURPOSES, values)).scalars().all()
    await connection.execute(_OPEN_DOOR)
    history = (
        await connection.execute(_DELETE_HISTORY, {**values, "has_agreed": has_agreed})
    ).rowcount
    await connection.execute(_CLOSE_DOOR)
    if has_agreed:
        if (await connection.execute(_IS_RESTRICTED, values)).scalar_one():
            await _lift_restriction(connection, subject, request, now)
        consents = StoreCounts(
            CONSENTS,
            withheld=len(purposes),
            withheld_because="the person has agreed to something since",
        )
    else:
        deleted = (await connection.execute(_DELETE_CONSENTS, values)).rowcount
        consents = StoreCounts(CONSENTS, erased=deleted)
        await _keep_denials(connection, mirror, request, {*purposes, ALL_PURPOSES}, now)
        await mirror.remove(subject.app_id, subject.subject_id)
    requests = (await connection.execute(_FORGET_REQUESTS, values)).rowcount
    of_keys = SubjectRef(request.app_id, request.subject_id, tuple(persons))
    keys = await erase_keys(
        *(connection, of_keys, request.fenced_at, now, keys_stay_because),
        only_retired=only_retired_keys,
    )
    return [
        consents,
        StoreCounts(HISTORY, erased=history),
        keys,
        # And the request itself.
        StoreCounts(REQUESTS, anonymized=requests + 1),
    ]


async def _lift_restriction(
    connection: AsyncConnection, subject: Subject, request: SubjectRequest, now: datetime
) -> None:
    """Records it as everyone's, with a version: so a mirror that is filled from it learns of it."""
    lifting = Recording(
        subject,
        {},
        request.requester,
        "erasure",
        "",
        source="privacy",
        actor_role=ActorRole.OPERATOR,
        restricts=False,
    )
    transaction = PostgresConsentTransaction(connection, subject)
    version = await transaction.next_version()
    await transaction.record(lifting, Recorded(version, us_of(now)))


async def _keep_denials(
    connection: AsyncConnection,
    mirror: RedisConsentMirror,
    request: SubjectRequest,
    purposes: Collection[str],
    now: datetime,
) -> None:
    version = int((await connection.execute(NEXT_VERSION, {"count": 1})).scalar_one())
    stands_for = erased_id(request.subject)
    await connection.execute(
        _KEEP_DENIALS,
        {
            "app_id": request.app_id,
            "subject_id": stands_for,
            "purposes": sorted(purposes),
            "version": version,
            "recorded_at": now,
        },
    )
    state = ConsentState(version, {purpose: Choice(Status.WITHDRAWN) for purpose in purposes})
    # Before the commit, as every withdrawal: it is stricter than what is recorded, never laxer.
    await mirror.put(request.app_id, {stands_for: encode_state(state)})
