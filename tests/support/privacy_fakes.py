"""Stores in memory that write down what was done to them, in order."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from libs.common.errors import Unavailable
from libs.consent import ConsentState, ConsentUnavailable, parse_state
from services.privacy.consent.model import (
    HistoryCursor,
    HistoryEntry,
    Recorded,
    Recording,
    Subject,
)


class FakeStore:
    """One transaction at a time. `fail_commit` lets the next commit fail."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.states: dict[Subject, ConsentState] = {}
        self.version = 0
        self.fail_commit = False
        self.fail_read = False
        self.reads = 0

    @asynccontextmanager
    async def transaction(self, person: Subject) -> AsyncIterator["FakeTransaction"]:
        transaction = FakeTransaction(self, person)
        yield transaction
        if self.fail_commit:
            self.log.append("commit failed")
            raise Unavailable("Postgres does not answer")
        if transaction.written is not None:
            self.states[person] = transaction.written
            self.log.append(f"commit {transaction.written.version}")

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[ConsentState | None]:
        self.reads += 1
        if self.fail_read:
            raise Unavailable("Postgres does not answer")
        return [self.states.get(Subject(app_id, subject_id)) for subject_id in subject_ids]

    async def page(self, app_id: str, after: str, limit: int) -> list[tuple[str, ConsentState]]:
        people = sorted(p.subject_id for p in self.states if p.app_id == app_id)
        chosen = [subject_id for subject_id in people if subject_id > after][:limit]
        self.log.append(f"page of {len(chosen)}")
        return [(s, self.states[Subject(app_id, s)]) for s in chosen]

    async def history(
        self, person: Subject, after: HistoryCursor, limit: int
    ) -> list[HistoryEntry]:
        return []

    async def wait_for_writers(self, app_id: str) -> None:
        self.log.append("wait for writers")


class FakeTransaction:
    def __init__(self, store: FakeStore, person: Subject) -> None:
        self._store = store
        self._person = person
        self.written: ConsentState | None = None

    async def state(self) -> ConsentState | None:
        return self._store.states.get(self._person)

    async def next_version(self, above: int = 0) -> int:
        self._store.version = max(self._store.version, above) + 1
        return self._store.version

    async def record(self, recording: Recording, recorded: Recorded) -> None:
        before = await self.state()
        choices = {**(before.choices if before else {}), **recording.choices}
        self.written = ConsentState(recorded.version, choices)


class FakeMirror:
    """A mirror and its reader. `down` makes every call fail."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.texts: dict[Subject, bytes] = {}
        self.down = False
        self.whole = True
        self.sign = False

    async def put(self, app_id: str, states: Mapping[str, bytes]) -> int:
        self._check()
        in_the_way = 0
        for subject_id, text in states.items():
            person = Subject(app_id, subject_id)
            stored = self.texts.get(person)
            if stored is None or parse_state(stored).version < parse_state(text).version:
                self.texts[person] = text
                self.log.append(f"mirror {text.decode()}")
            elif stored != text:
                in_the_way = max(in_the_way, parse_state(stored).version)
        return in_the_way

    async def ready(self, app_id: str) -> bool:
        self._check()
        return self.whole

    async def begin_fill(self, app_id: str) -> None:
        self._check()
        self.log.append("begin")
        self.sign = True

    async def end_fill(self, app_id: str) -> bool:
        self._check()
        self.log.append("end")
        self.whole = self.whole or self.sign
        return self.sign

    def lose(self) -> None:
        """FLUSHALL."""
        self.texts.clear()
        self.whole = self.sign = False

    async def read_one(self, app_id: str, subject_id: str) -> bytes | None:
        if self.down or not self.whole:
            raise ConsentUnavailable("no mirror")
        return self.texts.get(Subject(app_id, subject_id))

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[bytes | None]:
        return [await self.read_one(app_id, subject_id) for subject_id in subject_ids]

    def _check(self) -> None:
        if self.down:
            raise Unavailable("Redis does not answer")
