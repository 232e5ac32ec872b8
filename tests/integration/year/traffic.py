"""A day's events and choices of people; the same ones for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from weir.common.v1 import event_pb2

from cli.example_event import _sample
from libs.catalog import Catalog
from tests.integration.year.catalog import GRANT_DAYS, OWN_APPS
from tests.integration.year.ledger import Ledger, Sent
from tests.integration.year.services import Services
from weir_client import build_event

PEOPLE = 40
# Part of each person's id, and of nothing else that is sent.
MARK = "yp-"
WISH_DAYS, WISH = 5, "short5-"
_LEVELS = {
    None: event_pb2.PRIVACY_LEVEL_UNSPECIFIED,
    "sensitive": event_pb2.PRIVACY_LEVEL_SENSITIVE,
    "pii": event_pb2.PRIVACY_LEVEL_PII,
}
_HOURS = (7, 14, 22)


class Consents:
    """What the people of the own apps have said, by the rules of their catalogs; each is of one app."""

    def __init__(self) -> None:
        self._granted: dict[tuple[str, str], datetime | None] = {}

    def record(self, subject: str, purpose: str, at: datetime, *, granted: bool) -> None:
        self._granted[subject, purpose] = at if granted else None

    def verdict(self, name: str, subject: str, at: datetime) -> str:
        """What an event of a person is to become."""
        if name == "login.failed":
            return "accepted"
        if name == "letter.opened":
            return "accepted" if self._granted.get((subject, "letters")) else "dropped"
        granted_at = self._granted.get((subject, "telemetry"))
        is_valid = granted_at is not None and at < granted_at + timedelta(days=GRANT_DAYS)
        return "accepted" if is_valid else "anonymized"


class Traffic:
    """Sends each day's events and writes them into a ledger."""

    def __init__(self, services: Services, catalogs: list[Catalog], seed: int = 20261122) -> None:
        self._services = services
        self._random = random.Random(seed)
        self._number = 0
        self.consents = Consents()
        self.ledger = Ledger()
        self._products = {catalog.app_id: list(_plain_events(catalog)) for catalog in catalogs}
        apps = (*OWN_APPS, *self._products)
        self._people = {app_id: [_id(app_id, n) for n in range(PEOPLE)] for app_id in apps}
        self._newest = PEOPLE

    async def play(self, day: datetime) -> None:
        """All that happens on a day, at three times of it."""
        for hour in _HOURS:
            now = day + timedelta(hours=hour, minutes=self._random.randrange(60))
            self._services.clock.now = now
            for app_id in OWN_APPS:
                for _ in range(2):
                    await self._consent(app_id, now)
                await self._send(app_id, now)
            for app_id in self._products:
                await self._send_product(app_id, now)

    def leaves(self, app_id: str) -> str:
        """A person who is not among the senders any more; another one comes."""
        people = self._people[app_id]
        place = self._random.randrange(PEOPLE)
        left, people[place] = people[place], _id(app_id, self._newest)
        self._newest += 1
        return left

    async def send_late(self, app_id: str, subject: str, before: datetime) -> None:
        """Sends events of a person who was erased that occurred before a moment: two that ingest takes, and
        one that is wrong. Nothing of them is in the ledger, because nothing of them may be stored."""
        now = self._services.clock.now
        sent = [
            replace(
                self._sent(app_id, name, now, subject, 1, None, 0, "erased"),
                occurred_at=before - timedelta(hours=self._random.randrange(1, 60)),
            )
            for name in ("page.seen", "login.failed", "match.ended")
        ]
        events = [_event(each, {}, event_pb2.PRODUCER_SERVER) for each in sent[:2]]
        wrong: dict[str, object] = {"score": "many", "note": f"by {subject}"}
        events.append(_event(sent[2], wrong, event_pb2.PRODUCER_SERVER))
        await self._services.track(app_id, *events)

    async def _consent(self, app_id: str, now: datetime) -> None:
        subject = self._person(app_id)
        purpose = self._random.choice(["telemetry", "telemetry", "letters"])
        granted = self._random.random() < 0.75
        await self._services.record(app_id, subject, purpose, granted=granted)
        self.consents.record(subject, purpose, now, granted=granted)

    async def _send(self, app_id: str, now: datetime) -> None:
        names = (
            ["page.seen"] * 4
            + ["match.ended"] * 4
            + ["match.left", "letter.opened", "login.failed"]
        )
        events, expected = [], []
        for _ in range(16):
            name = self._random.choice(names)
            subject, level = self._person(app_id), None
            if self._random.random() < 0.08:
                level = self._random.choice(["sensitive", "pii"])
            wish = WISH_DAYS if self._random.random() < 0.05 else 0
            is_wrong = self._random.random() < 0.03
            score = self._random.randrange(100)
            properties: dict[str, object] = {}
            if name == "match.ended":
                properties = {"score": "many" if is_wrong else score, "note": f"by {subject}"}
            verdict = self.consents.verdict(name, subject, now)
            if level == "pii" and verdict == "accepted":
                # Its sender says that it must not be known of whom it is.
                verdict = "anonymized"
            if name == "match.ended" and is_wrong:
                verdict = "rejected"
            sent = self._sent(app_id, name, now, subject, score, level, wish, verdict)
            expected.append(sent)
            events.append(_event(sent, properties, event_pb2.PRODUCER_SERVER))
        # Some come again, because their sender did not hear of them.
        again = self._random.sample(range(len(events)), 2)
        verdicts = await self._services.track(app_id, *events, *(events[place] for place in again))
        others = [
            (sent, found)
            for sent, found in zip(expected, verdicts, strict=False)
            if sent.verdict != found
        ]
        assert not others, others
        assert {
            verdicts[len(events) + n] for n, p in enumerate(again) if expected[p].was_stored
        } <= {"duplicate"}
        self.ledger.sent[app_id] += expected

    async def _send_product(self, app_id: str, now: datetime) -> None:
        events, expected = [], []
        for _ in range(8):
            name, producer, properties = self._random.choice(self._products[app_id])
            sent = self._sent(app_id, name, now, self._person(app_id), 0, None, 0, "accepted")
            expected.append(sent)
            events.append(_event(sent, properties, producer))
        verdicts = await self._services.track(app_id, *events)
        assert set(verdicts) <= {"accepted", "anonymized", "dropped"}
        self.ledger.sent[app_id] += [
            replace(sent, verdict=verdict) for sent, verdict in zip(expected, verdicts, strict=True)
        ]

    def _sent(
        self,
        app_id: str,
        name: str,
        now: datetime,
        subject: str,
        score: int,
        level: str | None,
        wish: int,
        verdict: str,
    ) -> Sent:
        self._number += 1
        late = self._random.random()
        # Most at once, some from clients that were offline for days, a few from long ago.
        ago = 0.0 if late < 0.9 else self._random.uniform(0, 12)
        if late > 0.995:
            ago = self._random.uniform(12, 130)
        occurred_at = now - timedelta(days=ago, seconds=self._random.randrange(3_600))
        return Sent(
            app_id=app_id,
            name=name,
            event_id=f"{WISH if wish else 'e-'}{app_id}-{self._number}",
            occurred_at=occurred_at,
            received_at=now,
            subject=subject,
            guild=f"guild-{self._random.randrange(3)}",
            score=score,
            level=level,
            wish_days=wish,
            verdict=verdict,
        )

    def _person(self, app_id: str) -> str:
        return self._random.choice(self._people[app_id])


def _id(app_id: str, number: int) -> str:
    """The id of a person; none is a part of another."""
    return f"{MARK}{app_id}-{number:04}"


def _event(sent: Sent, properties: dict[str, object], producer: int) -> event_pb2.Event:
    return build_event(
        sent.name,
        event_id=sent.event_id,
        occurred_at=sent.occurred_at,
        subject_id=sent.subject,
        session_id=f"s-{sent.subject.removeprefix(MARK)}-{sent.received_at:%j}",
        group_id=sent.guild,
        producer=producer,
        privacy_level=_LEVELS[sent.level],
        retention_days=sent.wish_days,
        environment=event_pb2.ENVIRONMENT_PRODUCTION,
        properties=properties,
    )


def _plain_events(catalog: Catalog) -> Iterator[tuple[str, int, dict[str, object]]]:
    """Those of a product that need no more than a few properties: name, producer, properties."""
    for event in catalog.events.values():
        properties = _sample(event.latest.schema)
        names_people = set(properties) & {catalog.subject_name, catalog.group_name}
        if event.sampling or event.counts_only or names_people:
            continue
        if event.latest.is_valid(properties):
            producer = event_pb2.Producer.Value(f"PRODUCER_{event.producers[0].upper()}")
            yield event.name, producer, properties
