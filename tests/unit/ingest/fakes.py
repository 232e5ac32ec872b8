"""Stand-ins for what ingest's decisions need from outside."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from libs.catalog import Catalog, compile_catalog
from services.ingest.intake.model import Append, Appended

NOW_US = 1_789_000_000_000_000  # 2026-09-10T00:26:40Z

CHESS = """\
app_id: chess
title: Chess
subject: {name: player, entity_types: [player]}
group: {name: club}
purposes:
  telemetry: {default: granted, when_denied: anonymize}
  coaching: {default: denied, when_denied: drop}
categories:
  play: {purpose: telemetry, producers: [server, api], retention: {raw: 90d, aggregate: 5y}}
  coach: {purpose: coaching, producers: [webhooks], retention: {raw: 90d, aggregate: 5y}}
  chat:
    purpose: telemetry
    counts_only: true
    producers: [webhooks]
    retention: {raw: 90d, aggregate: 5y}
  audit: {producers: [server], retention: {raw: 2y, aggregate: 2y}}
events:
  game.ended:
    category: play
    versions:
      1.0.0: {properties: {moves: {type: integer, minimum: 0}}, required: [moves]}
      1.1.0:
        properties: {moves: {type: integer, minimum: 0}, email: {type: string, x-pii: true}}
        required: [moves]
  game.shared: {category: play, properties: {with: {x-subject: true}}}
  lesson.given: {category: coach, properties: {minutes: {type: integer}}}
  chat.sent: {category: chat, properties: {board: {type: integer}}}
  login.failed: {category: audit}
  piece.touched: {category: play, sampling: {production: 0.25}}
privacy_levels: {sensitive: 30d, pii: 7d}
clock: {max_future: 10m, max_age: 365d}
"""


def chess(catalog: str = CHESS) -> Catalog:
    """A catalog with an anonymizing, a dropping and no purpose."""
    return compile_catalog(catalog, "chess.yaml")


class FixedClock:
    """A clock that stands still."""

    def now_us(self) -> int:
        return NOW_US


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
