"""Writes what holds for a person to the mirror, over whatever is there."""

from collections.abc import Sequence
from dataclasses import replace

from libs.common.errors import Unavailable
from libs.consent import ConsentState, encode_state
from services.privacy.consent.model import Subject
from services.privacy.consent.ports import ConsentMirror, ConsentTransaction


async def put_as_newest(
    mirror: ConsentMirror,
    transaction: ConsentTransaction,
    subject: Subject,
    state: ConsentState,
) -> int:
    """Mirrors a state under its version, or a version above what the mirror has; returns which one.

    `transaction` holds the subject's lock, so nothing newer can be there, unless Postgres was restored from a
    backup and counts again from there, or a recording mirrored its denials and could not commit. Raises
    Unavailable if something newer than even that is there.
    """
    newer = await mirror.put(subject.app_id, {subject.subject_id: encode_state(state)})
    if newer:
        state = replace(state, version=await transaction.next_version(above=newer))
        if await mirror.put(subject.app_id, {subject.subject_id: encode_state(state)}):
            raise Unavailable("the choices could not be put in force", retry_after_seconds=1)
    return state.version


async def put_nothing_recorded(
    mirror: ConsentMirror,
    transaction: ConsentTransaction,
    subject: Subject,
    persons: Sequence[str],
) -> None:
    """Mirrors that nothing is recorded of a person, who has had these pseudonyms. Raises Unavailable.

    A version without choices replaces what is there, and keeps away what is written late, of a recording that
    failed. If the person was erased, the "no" that was kept gets that version instead, and the id is written
    nowhere: the mirror compares with it, also one that was emptied and is not filled yet.
    """
    version = await transaction.next_version()
    if kept := await transaction.kept_denial(persons):
        stands_for, denial = kept
        stand_in = Subject(subject.app_id, stands_for)
        newest = replace(denial, version=version)
        version = await put_as_newest(mirror, transaction, stand_in, newest)
        version = await transaction.next_version(above=version)
    await put_as_newest(mirror, transaction, subject, ConsentState(version, {}))
