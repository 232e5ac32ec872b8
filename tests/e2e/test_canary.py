"""A search for one person's values in everything that is stored, logged, measured and traced, before and with
consent, after its withdrawal and after an erasure: exactly what the document allows then is found."""

import base64
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard
from redis import Redis
from weir.common.v1 import event_pb2
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.streams.v1 import batch_pb2

from libs.common.ids import new_uuid7
from suite.home import Home
from suite.supervisor import Suite
from tests.support.byte_search import ByteSearch
from tests.support.environment import without_settings
from tests.support.erasing import Erasing
from tests.support.retention_runs import finished_run
from tests.support.span_receiver import span_receiver
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually, holds_in_time
from weir_client import build_event

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("canary"), pytest.mark.timeout(300)]
APP, ARCHIVED = "unofficial_communities", "addvalue"
ADDRESS = "203.0.113.77"


def _canary(what: str) -> str:
    return f"canary-{what}-{uuid.uuid4().hex}"


@dataclass
class Sent:
    """The values of one moment, each in a place of its own; the person is the same at each."""

    subject: str
    ordinary: str = field(default_factory=lambda: _canary("ordinary"))
    marked: str = field(default_factory=lambda: _canary("marked"))
    session: str = field(default_factory=lambda: _canary("session"))
    content: str = field(default_factory=lambda: _canary("content"))
    rejected: str = field(default_factory=lambda: _canary("rejected"))
    wrong: str = field(default_factory=lambda: _canary("wrong"))

    def events(self) -> list[event_pb2.Event]:
        """Events with the values; which of them pass depends on consent."""
        everywhere = _event(
            "gamification.mission.completed",
            subject_id=self.subject,
            session_id=self.session,
            entity_type="user",
            entity_id=self.subject,
            request_id=f"req-{self.subject}",
            context={
                "page_url": f"https://x.example/u/{self.subject}?t={_base64(f'u:{self.subject}')}",
                "user_agent": f"Mozilla/5.0 (Linux) Canary/{self.subject} {self.subject.encode().hex()}",
                "ip": ADDRESS,
            },
            extra={"friend": self.subject, "deep": {self.subject: 1}},
            properties={
                "mission_type": self.ordinary,
                "xp_awarded": 7,
                "identity_id": self.subject,
                "nested": [{"who": self.subject}, [self.subject]],
                self.subject: "a name",
                "in_base64": _base64(self.subject),
                "tokens": [
                    {_base64(f'{{"id":"{self.subject}","n":1}}'): 1},
                    f"x.{_base64(f'u:{self.subject}:1')}.y",
                    self.subject.encode().hex(),
                ],
            },
        )
        signup = _event(
            "user.signup.started", subject_id=self.subject, properties={"phone_prefix": self.marked}
        )
        counted = _event(
            "whatsapp.message.sent",
            subject_id=self.subject,
            properties={"identity_id": self.subject, "text": self.content},
        )
        unknown = _event(
            "no.such.event",
            subject_id=self.subject,
            properties={"note": self.rejected, "who": _base64(f"{self.subject}!")},
        )
        # Known, and so it is known what of it consent allows to keep.
        wrong = _event(
            "gamification.mission.completed",
            subject_id=self.subject,
            properties={"mission_type": self.wrong, "xp_awarded": "many"},
        )
        return [everywhere, signup, counted, unknown, wrong]

    def named(self, moment: str) -> dict[str, str]:
        """The values by name."""
        names = ("ordinary", "marked", "session", "content", "rejected", "wrong")
        return {f"{name} {moment}": getattr(self, name) for name in names}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _event(name: str, **fields: Any) -> event_pb2.Event:
    extra = fields.pop("extra", None)
    entity = {key: fields.pop(f"entity_{key}", "") for key in ("type", "id")}
    event = build_event(name, **fields)
    if extra is not None:
        event.context.extra.update(extra)
    if entity["id"]:
        event.entity.type, event.entity.id = entity["type"], entity["id"]
    return event


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ByteSearch, SuiteCalls]]:
    with span_receiver() as (spans, endpoint):
        home = Home(tmp_path_factory.mktemp("canary"))
        environment = {
            **without_settings(),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        with Suite(home, environment) as suite, suite_calls(suite) as calls:
            yield ByteSearch(suite, spans), calls
        shutil.rmtree(home.path)


def _send(calls: SuiteCalls, sent: Sent) -> list[int]:
    """Sends the events; returns their verdicts when all that will be stored is stored and counted."""
    results = calls.track(APP, *sent.events()).results
    letters = [one.dead_letter_id for one in results if one.dead_letter_id]
    statement = "SELECT 1 FROM ingest.dead_letters WHERE dead_letter_id = ANY(%s)"
    eventually(lambda: len(calls.query(statement, letters)) == len(letters))
    stored = "SELECT 1 FROM enrich.events WHERE properties ->> 'mission_type' = %s"
    eventually(lambda: calls.query(stored, sent.ordinary))
    return [one.verdict for one in results]


def _quarantine(calls: SuiteCalls, subject: str, value: str) -> None:
    """Entries that enrich and aggregate could not handle: as they came, compressed."""
    event = _event(
        "gamification.mission.completed",
        subject_id=subject,
        properties={"mission_type": value, "xp_awarded": 7},
    )
    batch = batch_pb2.EventBatch(
        app_id=APP, batch_id=new_uuid7(), received_at_us=1, events=[event]
    ).SerializeToString()
    enriched = batch_pb2.EnrichedBatch(
        event_batch=batch, enrichments=[batch_pb2.Enrichment()], enrichment_of_event=[0]
    ).SerializeToString()
    with Redis.from_url(calls.suite.addresses.redis_url) as redis:
        for group, content in (("enrich", batch), ("aggregate", enriched)):
            packed = zstandard.ZstdCompressor().compress(content)
            assert value.encode() not in packed
            redis.xadd(f"{group}:{{0}}:quarantine", {"batch": packed})


def _export(calls: SuiteCalls, app_id: str, subject: str) -> None:
    """Makes a copy for the person, which is not fetched."""
    erasing = Erasing(calls, app_id)
    asked = pb.CreateExportRequest(app_id=app_id, subject_id=subject)
    erasing.done(erasing.call("CreateExport", asked).request.request_id)


def _expect(searched: ByteSearch, texts: dict[str, str], expected: dict[str, set[str]]) -> None:
    """Streams are trimmed, and spans sent, a moment after what they belong to."""
    holds_in_time(lambda: searched.places(texts) == expected, seconds=20)
    assert searched.places(texts) == expected


def test_exactly_what_consent_allows_is_found(search: tuple[ByteSearch, SuiteCalls]) -> None:
    searched, calls = search
    subject = _canary("subject")
    moments = {name: Sent(subject) for name in ("before", "granted", "withdrawn")}
    texts = {
        "subject": subject,
        # Some characters in its middle, by its place among the bytes that are encoded.
        **{
            f"subject in Base64, {before} behind": _base64("x" * before + subject)[8:-8]
            for before in range(3)
        },
        "subject in hexadecimal digits": subject.encode().hex(),
        "address": ADDRESS,
        "quarantined": _canary("quarantined"),
    }
    for name, sent in moments.items():
        texts |= sent.named(name)

    _send(calls, moments["before"])
    # Without a name, encoded or not, and without what is marked.
    nameless = {"ordinary before": {"postgres"}}
    _expect(searched, texts, nameless)

    calls.record_consent(APP, subject, telemetry=True, whatsapp_activity=True)
    _send(calls, moments["granted"])
    named = {
        **nameless,
        # In Redis is the mirror of what the person has agreed to.
        "subject": {"postgres", "redis"},
        **{each: {"postgres"} for each in texts if each.startswith("subject in ")},
        # And the page on which a session began, with its address.
        "subject in Base64, 2 behind": {"postgres", "redis"},
        "ordinary granted": {"postgres"},
        "marked granted": {"postgres"},
        # Of a dead letter, what an event that is right may have.
        "wrong granted": {"postgres"},
    }
    _expect(searched, texts, named)

    _export(calls, APP, subject)
    exported = {name: places | {"exports"} for name, places in named.items()}
    _expect(searched, texts, exported)

    calls.record_consent(APP, subject, telemetry=False, whatsapp_activity=False)
    _send(calls, moments["withdrawn"])
    # What was collected with consent stays until it is erased, or its time is over.
    exported["ordinary withdrawn"] = {"postgres"}
    _quarantine(calls, subject, texts["quarantined"])
    _expect(searched, texts, {**exported, "quarantined": {"redis"}})

    searched.analyze()
    Erasing(calls, APP).erase(subject)
    _expect(searched, texts, {})


def test_what_is_archived_is_found_in_files_until_the_erasure(
    search: tuple[ByteSearch, SuiteCalls],
) -> None:
    """Of an app that stores nothing without consent."""
    searched, calls = search
    subject = _canary("subject")
    values = {name: _canary(name) for name in ("before", "granted", "withdrawn", "late")}
    texts = {"subject": subject, **values}

    def send(name: str) -> int:
        event = _event(
            "activation_affirmation_selected",
            subject_id=subject,
            occurred_at=datetime.now(UTC) - timedelta(days=100),
            properties={"affirmation": values[name]},
        )
        return calls.track(ARCHIVED, event).counts.accepted

    assert send("before") == 0
    _expect(searched, texts, {})

    calls.record_consent(ARCHIVED, subject, analytics=True)
    assert send("granted") == 1
    stored = "SELECT FROM enrich.events WHERE properties ->> 'affirmation' = %s"
    eventually(lambda: calls.query(stored, values["granted"]))
    # As if it had not come late: then it would go tomorrow.
    calls.query(
        "UPDATE enrich.events SET received_at = occurred_at WHERE app_id = %s RETURNING 1", ARCHIVED
    )
    finished_run(calls.suite, str(uuid.uuid4()))
    agreed = {"subject": {"postgres", "redis", "archive"}, "granted": {"archive"}}
    _expect(searched, texts, agreed)

    calls.record_consent(ARCHIVED, subject, analytics=False)
    assert send("withdrawn") == 0
    _export(calls, ARCHIVED, subject)
    _expect(searched, texts, {name: places | {"exports"} for name, places in agreed.items()})

    searched.analyze()
    Erasing(calls, ARCHIVED).erase(subject)
    send("late")
    _expect(searched, texts, {})


def test_of_an_erased_person_events_of_security_are_found(
    search: tuple[ByteSearch, SuiteCalls],
) -> None:
    searched, calls = search
    subject, failure = _canary("subject"), _canary("failure")
    calls.record_consent(APP, subject, telemetry=True)
    sent = Sent(subject)
    _send(calls, sent)
    login = _event("user.login.failed", subject_id=subject, properties={"reason": failure})
    assert calls.track(APP, login).counts.accepted == 1
    eventually(lambda: calls.query("SELECT FROM enrich.events WHERE name = %s", login.name))
    searched.analyze()
    Erasing(calls, APP).erase(subject)
    # Two years long, on a legal ground of their own.
    texts = {"subject": subject, "failure": failure, **sent.named("before")}
    _expect(searched, texts, {"subject": {"postgres"}, "failure": {"postgres"}})
