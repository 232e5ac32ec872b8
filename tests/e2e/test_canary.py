"""A search for one person's values in everything that is stored, logged, measured and traced, before and with
consent, after its withdrawal and after an erasure: exactly what the document allows then is found."""

import base64
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from weir.common.v1 import event_pb2

from suite.home import Home
from suite.supervisor import Suite
from tests.support.byte_search import ByteSearch
from tests.support.environment import without_settings
from tests.support.erasing import Erasing
from tests.support.span_receiver import span_receiver
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually, holds_in_time
from weir_client import build_event

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("canary"), pytest.mark.timeout(300)]
APP = "unofficial_communities"
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
                "page_url": f"https://x.example/u/{self.subject}?tab=1",
                "user_agent": f"Mozilla/5.0 (Linux) Canary/{self.subject}",
                "ip": ADDRESS,
            },
            extra={"friend": self.subject, "deep": {self.subject: 1}},
            properties={
                "mission_type": self.ordinary,
                "xp_awarded": 7,
                "identity_id": self.subject,
                "nested": [{"who": self.subject}, [self.subject]],
                self.subject: "a name",
                "in_base64": base64.b64encode(self.subject.encode()).decode(),
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
            properties={"note": self.rejected, "who": self.subject},
        )
        return [everywhere, signup, counted, unknown]

    def named(self, moment: str) -> dict[str, str]:
        """The values by name."""
        names = ("ordinary", "marked", "session", "content", "rejected")
        return {f"{name} {moment}": getattr(self, name) for name in names}


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
        "subject in Base64": base64.b64encode(subject.encode()).decode(),
        "address": ADDRESS,
    }
    for name, sent in moments.items():
        texts |= sent.named(name)

    _send(calls, moments["before"])
    # Without a name, and without what is marked. An id that its sender has encoded is not recognized.
    nameless = {"ordinary before": {"postgres"}, "subject in Base64": {"postgres"}}
    _expect(searched, texts, nameless)

    calls.record_consent(APP, subject, telemetry=True, whatsapp_activity=True)
    _send(calls, moments["granted"])
    named = {
        **nameless,
        # In Redis is the mirror of what the person has agreed to.
        "subject": {"postgres", "redis"},
        "ordinary granted": {"postgres"},
        "marked granted": {"postgres"},
    }
    _expect(searched, texts, named)

    calls.record_consent(APP, subject, telemetry=False, whatsapp_activity=False)
    _send(calls, moments["withdrawn"])
    # What was collected with consent stays until it is erased, or its time is over.
    _expect(searched, texts, {**named, "ordinary withdrawn": {"postgres"}})

    Erasing(calls, APP).erase(subject)
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
    Erasing(calls, APP).erase(subject)
    # Two years long, on a legal ground of their own.
    texts = {"subject": subject, "failure": failure, **sent.named("before")}
    _expect(searched, texts, {"subject": {"postgres"}, "failure": {"postgres"}})
