"""What was sent, with what became of it, as the test remembers it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.integration.year.rules import DAY, AppRules, midnight


@dataclass(frozen=True, slots=True)
class Sent:
    """An event with its verdict; `wish_days` is how long its sender wants it to be kept at most."""

    app_id: str
    name: str
    event_id: str
    occurred_at: datetime
    received_at: datetime
    subject: str
    guild: str
    score: int
    level: str | None
    wish_days: int
    verdict: str

    @property
    def was_stored(self) -> bool:
        return self.verdict in ("accepted", "anonymized")

    def has_gone(self, rules: AppRules, today: datetime) -> bool:
        """Whether it is past its limit since the night before this day; what comes late is not before the
        next night."""
        kept = rules.kept_days(self.name, self.level, self.wish_days)
        return self.occurred_at < today - kept * DAY and self.received_at < today


class Ledger:
    """All events by app, in the order of their receipt."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Sent]] = defaultdict(list)
        # Ids of events that an erasure has taken from wherever they were.
        self._erased: set[str] = set()
        # Rollups with ids of events that they have not, since a bucket was counted again without them.
        self._uncounted: set[tuple[str, str]] = set()

    def stored(self, app_id: str) -> Iterator[Sent]:
        """The events that were stored, and were not erased since: in Postgres or in the archive, until they
        are past a limit."""
        return (
            sent
            for sent in self.sent[app_id]
            if sent.was_stored and sent.event_id not in self._erased
        )

    def counted(self, app_id: str, since: datetime) -> Iterator[Sent]:
        """The stored events that occurred at or after a moment, erased ones too."""
        return (sent for sent in self.sent[app_id] if sent.was_stored and sent.occurred_at >= since)

    def is_counted(self, rollup: str, sent: Sent) -> bool:
        """Whether numbers of a rollup have an event that it counts."""
        return (rollup, sent.event_id) not in self._uncounted

    def letters(self) -> Iterator[Sent]:
        """The rejected events of all apps, without those of people who were erased since."""
        return (
            sent
            for of_app in self.sent.values()
            for sent in of_app
            if sent.verdict == "rejected" and sent.event_id not in self._erased
        )

    def erase(self, app_id: str, subject: str, rules: AppRules, now: datetime) -> list[Sent]:
        """A person's events and dead letters are gone. Returns the events that there were, in Postgres or in
        the archive.

        Of the days of those that were in Postgres, buckets are counted again if none of their events can have
        been past a limit of the catalog: they have what is stored then, without what its sender wanted to be
        kept for less. Others keep their numbers."""
        today = midnight(now)
        own = [sent for sent in self.stored(app_id) if sent.subject == subject]
        changed = {
            (rollup, midnight(sent.occurred_at))
            for sent in own
            if not sent.has_gone(rules, today)
            for rollup in rules.rollups_of(sent.name)
        }
        self._erased |= {sent.event_id for sent in self.sent[app_id] if sent.subject == subject}
        stored = {sent.event_id for sent in self.stored(app_id) if not sent.has_gone(rules, today)}
        for sent in self.sent[app_id]:
            if not sent.was_stored or sent.event_id in stored:
                continue
            for rollup in rules.rollups_of(sent.name):
                is_open = (
                    rules.bucket(rollup, sent.occurred_at) >= now - rules.open_days(rollup) * DAY
                )
                if is_open and (rollup, midnight(sent.occurred_at)) in changed:
                    self._uncounted.add((rollup, sent.event_id))
        return own
