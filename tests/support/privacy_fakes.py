"""Privacy's stores in memory, which write down what was done to them, in order.

`tests/contract/privacy` proves them against Postgres and Redis.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from libs.audit import AuditEntry
from libs.common.errors import Unavailable
from libs.consent import (
    ALL_PURPOSES,
    ConsentState,
    ConsentUnavailable,
    Restriction,
    state_version,
)
from libs.consent.keys import erased_id
from services.privacy.consent.model import (
    HistoryCursor,
    HistoryEntry,
    Recorded,
    Recording,
    Subject,
)


class MemoryConsentStore:
    """Implements `ports.ConsentStore`. `fail_commit` lets the next commit fail, `down` every call."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.states: dict[Subject, ConsentState] = {}
        self.entries: dict[Subject, list[HistoryEntry]] = defaultdict(list)
        self.audited: list[AuditEntry] = []
        self.version = 0
        self.fail_commit = False
        self.down = False
        self.reads = 0
        self._writers: dict[Subject, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def transaction(self, subject: Subject) -> AsyncIterator["MemoryConsentTransaction"]:
        self._check()
        async with self._writers[subject]:
            transaction = MemoryConsentTransaction(self, subject)
            yield transaction
            if self.fail_commit:
                self.log.append("commit failed")
                raise Unavailable("Postgres does not answer")
            if transaction.written is not None:
                self.states[subject] = transaction.written
                self.entries[subject] += transaction.entries
                self.audited += transaction.audited
                self.log.append(f"commit {transaction.written.version}")

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[ConsentState | None]:
        self.reads += 1
        self._check()
        return [self.states.get(Subject(app_id, subject_id)) for subject_id in subject_ids]

    async def page(
        self, app_id: str, after_subject_id: str, limit: int
    ) -> list[tuple[str, ConsentState]]:
        self._check()
        people = sorted(p.subject_id for p in self.states if p.app_id == app_id)
        chosen = [subject_id for subject_id in people if subject_id > after_subject_id][:limit]
        self.log.append(f"page of {len(chosen)}")
        return [(s, self.states[Subject(app_id, s)]) for s in chosen]

    async def history(
        self, subject: Subject, after: HistoryCursor, limit: int
    ) -> list[HistoryEntry]:
        self._check()
        entries = sorted(self.entries[subject], key=_cursor)
        return [
            replace(entry, replaced_at_us=_replaced_at(entry, entries[place + 1 :]))
            for place, entry in enumerate(entries)
            if _cursor(entry) > after
        ][:limit]

    async def wait_for_writers(self, app_id: str) -> None:
        self._check()
        self.log.append("wait for writers")
        for subject, writer in list(self._writers.items()):
            if subject.app_id == app_id:
                async with writer:
                    pass

    def _check(self) -> None:
        if self.down:
            raise Unavailable("Postgres does not answer")


class MemoryConsentTransaction:
    """Implements `ports.ConsentTransaction`."""

    def __init__(self, store: MemoryConsentStore, subject: Subject) -> None:
        self._store = store
        self._subject = subject
        self.written: ConsentState | None = None
        self.audited: list[AuditEntry] = []
        self.entries: list[HistoryEntry] = []

    async def state(self) -> ConsentState | None:
        return self.written or self._store.states.get(self._subject)

    async def keep_denial(self, persons: Sequence[str]) -> ConsentState | None:
        for person in persons:
            kept = self._store.states.get(Subject(self._subject.app_id, erased_id(person)))
            if kept and (denial := kept.choices.get(ALL_PURPOSES)):
                self.written = ConsentState(kept.version, {ALL_PURPOSES: denial})
        return self.written

    async def kept_denial(self, persons: Sequence[str]) -> tuple[str, ConsentState] | None:
        states = self._store.states
        app_id = self._subject.app_id
        found = [
            (stand_in, states[Subject(app_id, stand_in)])
            for stand_in in map(erased_id, persons)
            if Subject(app_id, stand_in) in states
        ]
        return max(found, key=lambda kept: kept[1].version, default=None)

    async def next_version(self, above: int = 0) -> int:
        self._store.version = max(self._store.version, above) + 1
        return self._store.version

    async def record(self, recording: Recording, recorded: Recorded) -> None:
        before = await self.state()
        changed = {
            purpose: replace(choice, version=recorded.version)
            for purpose, choice in recording.new_choices(recorded.recorded_at_us).items()
        }
        choices = {**(before.choices if before else {}), **changed}
        age_band = recording.age_band or (before.age_band if before else "")
        restriction = before.restriction if before else None
        if recording.restricts is not None:
            restriction = Restriction(recorded.version, recorded.recorded_at_us)
        if recording.restricts is False:
            restriction = None
        self.written = ConsentState(recorded.version, choices, age_band, restriction)
        self.entries += [
            HistoryEntry(
                recorded.version,
                purpose,
                choice.status,
                recording.actor,
                recording.method,
                recording.notice_version,
                recorded.recorded_at_us,
                recording.source,
                recording.actor_role,
                choice.expires_at_us,
            )
            for purpose, choice in changed.items()
        ]
        if recording.age_band or recording.restricts is not None:
            self.entries.append(
                HistoryEntry(
                    recorded.version,
                    "" if recording.age_band else "*",
                    None,
                    recording.actor,
                    recording.method,
                    recording.notice_version,
                    recorded.recorded_at_us,
                    recording.source,
                    recording.actor_role,
                    age_band=recording.age_band,
                    restricts=recording.restricts,
                )
            )

    async def audit(self, entry: AuditEntry) -> None:
        self.audited.append(entry)


class MemoryConsentMirror:
    """Implements `ports.ConsentMirror` and `ports.ConsentMirrorReader`; the apps of `whole` are ready.
    `down` makes every call fail."""

    def __init__(self, log: list[str], *whole: str) -> None:
        self.log = log
        self.texts: dict[Subject, bytes] = {}
        self.down = False
        self.whole = set(whole)
        self.fences: set[str] = set()

    async def put(self, app_id: str, states: Mapping[str, bytes]) -> int:
        self._check()
        newest = 0
        for subject_id, text in states.items():
            subject = Subject(app_id, subject_id)
            stored = self.texts.get(subject)
            version, stored_version = state_version(text), state_version(stored or b"-1")
            older_form = stored is not None and _has_details(text) and not _has_details(stored)
            if version > stored_version or (version == stored_version and older_form):
                self.texts[subject] = text
                self.log.append(f"mirror {without_details(text)}")
            elif stored != text:
                newest = max(newest, stored_version)
        return newest

    async def has(self, app_id: str, subject_id: str) -> bool:
        self._check()
        return Subject(app_id, subject_id) in self.texts

    async def remove(self, app_id: str, subject_id: str) -> None:
        self._check()
        self.texts.pop(Subject(app_id, subject_id), None)

    async def ready(self, app_id: str) -> bool:
        self._check()
        return app_id in self.whole

    async def begin_fill(self, app_id: str) -> None:
        self._check()
        self.log.append("begin")
        self.fences.add(app_id)

    async def end_fill(self, app_id: str) -> bool:
        self._check()
        self.log.append("end")
        if app_id not in self.fences:
            return False
        self.fences.remove(app_id)
        self.whole.add(app_id)
        return True

    def lose(self) -> None:
        """FLUSHALL."""
        self.texts.clear()
        self.whole.clear()
        self.fences.clear()

    async def read_one(self, app_id: str, subject_id: str) -> bytes | None:
        if self.down or app_id not in self.whole:
            raise ConsentUnavailable("no mirror")
        return self.texts.get(Subject(app_id, subject_id))

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[bytes | None]:
        return [await self.read_one(app_id, subject_id) for subject_id in subject_ids]

    def _check(self) -> None:
        if self.down:
            raise Unavailable("Redis does not answer")


def without_details(text: bytes) -> str:
    """A mirrored state without what differs from person to person: the version and the choices."""
    head, _, words = text.decode().partition(" ")
    return f"{head.partition(';')[0]} {words}"


def _has_details(text: bytes) -> bool:
    return b";" in text


def _replaced_at(entry: HistoryEntry, later: Sequence[HistoryEntry]) -> int | None:
    moments = (one.recorded_at_us for one in later if one.purpose == entry.purpose)
    return next(moments, None)


def _cursor(entry: HistoryEntry) -> HistoryCursor:
    return HistoryCursor(entry.version, entry.purpose)
