"""Stand-ins for what ingest's decisions need from outside."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from services.ingest.intake.model import Append, Appended


class BatchIds:
    """Ids from 1 on, 16 bytes each."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> bytes:
        return next(self._numbers).to_bytes(16, "big")


class Answers:
    """Consent states from a dict; remembers what it was asked. `before_read` is called before each answer."""

    def __init__(self, states: Mapping[str, bytes] | None = None) -> None:
        self.states = dict(states or {})
        self.asked: list[list[str]] = []
        self.before_read: Callable[[], None] = lambda: None

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[bytes | None]:
        self.before_read()
        self.asked.append(list(subject_ids))
        return [self.states.get(subject_id) for subject_id in subject_ids]


class Recorder:
    """A stream that keeps what is appended; full for the shards that a test names."""

    def __init__(self) -> None:
        self.appends: list[tuple[int, Append]] = []
        self.full_shards: set[int] = set()
        self.answer = Appended(frozenset(), 0)

    async def append(self, shard: int, append: Append) -> Appended | None:
        if shard in self.full_shards:
            return None
        self.appends.append((shard, append))
        return self.answer
