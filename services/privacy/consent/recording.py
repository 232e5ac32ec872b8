"""Records grants and withdrawals: in which order the source of truth and its mirror are written.

A withdrawal is mirrored first and committed then, so that it is never recorded without being in force.
A grant is committed first and mirrored then, so that nothing is allowed that may yet be rolled back. A
grant that ends earlier than the one before does both: it is the stricter of the two until it is committed. So
does an age band, which no one knows to be stricter or not without a catalog: in between the strictest holds.
A restriction is as a withdrawal, and lifting it as a grant.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from libs.audit import Action, AuditEntry, Auditor, Caller
from libs.common.clock import Clock
from libs.common.errors import Unavailable
from libs.consent import Choice, ConsentState, Restriction, encode_state
from services.privacy.consent.model import Pseudonyms, Recorded, Recording, Subject
from services.privacy.consent.newest_state import put_as_newest, put_nothing_recorded
from services.privacy.consent.ports import ConsentMirror, ConsentStore, ConsentTransaction
from services.privacy.consent.resync_queue import ResyncQueue

NOTHING = ConsentState(0, {})
# What else belongs to a recording.
Also = Callable[[ConsentTransaction, Recorded], Awaitable[None]]
_ACTIONS = {
    None: Action.CONSENT_RECORDED,
    True: Action.SUBJECT_RESTRICTED,
    False: Action.SUBJECT_UNRESTRICTED,
}
# No catalog declares it, so the strictest age rules hold.
CHANGING_AGE_BAND = "?"


class Recorder:
    """Writes one recording to the store and its mirror. Knows no catalog: see `validation`."""

    def __init__(
        self,
        store: ConsentStore,
        mirror: ConsentMirror,
        resyncs: ResyncQueue,
        auditor: Auditor,
        clock: Clock,
        pseudonyms: Pseudonyms,
    ) -> None:
        """`pseudonyms`: all that a person has had, under which the "no" of an erased person is kept."""
        self._pseudonyms = pseudonyms
        self._store = store
        self._mirror = mirror
        self._resyncs = resyncs
        self._auditor = auditor
        self._clock = clock

    async def record(
        self, recording: Recording, caller: Caller, also: Also | None = None
    ) -> Recorded:
        """Records the choices, and an entry of the audit trail with them, and does what else is to be done in
        the same transaction; when it returns, a withdrawal is in force everywhere. A restriction, or the end
        of one, that is recorded already is only mirrored again.

        Raises Unavailable: then a withdrawal may be in force already, and whether it was recorded
        is known only if the store could be reached. Safe to repeat until it succeeds.
        """
        subject = recording.subject
        mirrored = False
        try:
            async with self._store.transaction(subject) as transaction:
                before = await transaction.state()
                if recording.is_repeated(before):
                    # A process that ended before its commit may have left another state in the mirror.
                    if before is None:
                        await self._mirror_nothing(transaction, subject)
                    else:
                        await put_as_newest(self._mirror, transaction, subject, before)
                    return _as_before(before)
                if before is None:
                    before = await transaction.keep_denial(self._pseudonyms(*subject))
                version = await transaction.next_version()
                now_us = self._clock.now_us()
                recording = recording.after(before)
                held = replace(before or NOTHING, version=version)
                after = _after(held, recording, now_us)
                strictest = _strictest(held, after)
                if strictest != held:
                    version = await put_as_newest(self._mirror, transaction, subject, strictest)
                    mirrored = strictest == after
                    if not mirrored:
                        # The mirror takes no second state of one version.
                        version = await transaction.next_version(above=version)
                recorded = Recorded(version, now_us)
                await transaction.record(recording, recorded)
                await transaction.audit(self._entry(recording, version, caller))
                if also is not None:
                    await also(transaction, recorded)
        except BaseException:  # a cancelled call as well
            # The mirror may be stricter now than what is recorded, and the commit may have succeeded.
            self._resyncs.add(subject)
            raise
        if not mirrored:
            await self._relax(subject, encode_state(replace(after, version=version)))
        return recorded

    def mirror_again(self, subject: Subject) -> None:
        """Has the mirror follow soon what something else has recorded of a person."""
        self._resyncs.add(subject)

    async def _mirror_nothing(self, transaction: ConsentTransaction, subject: Subject) -> None:
        """Ends what the mirror may have of a person of whom nothing is recorded. An id of which nothing is
        known is written nowhere. What a recording that failed writes later is repaired by its process."""
        persons = self._pseudonyms(*subject)
        if await self._mirror.has(*subject) or await transaction.kept_denial(persons):
            await put_nothing_recorded(self._mirror, transaction, subject, persons)

    async def _relax(self, subject: Subject, state: bytes) -> None:
        """Lets the mirror follow what is committed, now if possible and soon otherwise.

        The caller's answer does not depend on it: a mirror that is behind denies what was just
        granted, and answers CONSENT_STALE to callers that present the token.
        """
        try:
            behind = await self._put(subject, state)
        except Unavailable:
            self._resyncs.add(subject)
        except BaseException:
            self._resyncs.add(subject)
            raise
        else:
            if behind:
                self._resyncs.add(subject)

    def _entry(self, recording: Recording, version: int, caller: Caller) -> AuditEntry:
        # Without what callers write as they like: the history has that under this version.
        purposes: dict[str, list[str]] = {}
        for purpose, status in sorted(recording.choices.items()):
            purposes.setdefault(status.name.lower(), []).append(purpose)
        band = {"age_band": recording.age_band} if recording.age_band else {}
        return self._auditor.entry(
            _ACTIONS[recording.restricts],
            recording.subject.app_id,
            caller,
            subject_id=recording.subject.subject_id,
            details={"version": version, **purposes, **band},
        )

    async def _put(self, subject: Subject, state: bytes) -> int:
        return await self._mirror.put(subject.app_id, {subject.subject_id: state})


def _as_before(state: ConsentState | None) -> Recorded:
    """What a recording that changes nothing comes to."""
    if state is None or state.restriction is None:
        return Recorded(state.version if state else 0, 0)
    return Recorded(state.version, state.restriction.recorded_at_us)


def _after(held: ConsentState, recording: Recording, now_us: int) -> ConsentState:
    restriction = held.restriction
    if recording.restricts is not None:
        restriction = Restriction(recorded_at_us=now_us) if recording.restricts else None
    return replace(
        held,
        restriction=restriction,
        choices={**held.choices, **recording.new_choices(now_us)},
        age_band=recording.age_band or held.age_band,
    )


def _strictest(held: ConsentState, after: ConsentState) -> ConsentState:
    """What both states allow; equal to `held` if the later one restricts nothing."""
    choices = dict(held.choices)
    for purpose, choice in after.choices.items():
        before = held.choices.get(purpose)
        if not choice.granted:
            choices[purpose] = choice
        elif before is not None and before.granted:
            choices[purpose] = _stricter(before, choice)
    same_age = after.age_band == held.age_band
    return replace(
        held,
        choices=choices,
        age_band=held.age_band if same_age else CHANGING_AGE_BAND,
        restriction=after.restriction or held.restriction,
    )


def _stricter(before: Choice, after: Choice) -> Choice:
    """The earlier grant, without what the later one does not have."""
    ends = [each.expires_at_us for each in (before, after) if each.expires_at_us is not None]
    return replace(
        before,
        expires_at_us=min(ends, default=None),
        by_guardian=before.by_guardian and after.by_guardian,
    )
