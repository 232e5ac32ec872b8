"""Unofficial Communities, sections 1 and 2: what an event may be called, come from and hold."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner
from weir.common.v1 import event_pb2

from cli.commands.catalog import app as catalog_command
from libs.catalog import CatalogError, compile_catalog, to_envelope
from services.ingest.intake.model import Rejection, Verdict
from tests.support.consents import consent_text
from tests.support.documents.event_names import UNOFFICIAL_COMMUNITIES as SOURCES
from tests.support.documents.event_properties import COMMUNITY_EXTRAS, ZONES
from tests.support.documents.event_properties import UNOFFICIAL_COMMUNITIES as PROPERTIES
from tests.support.documents.event_triggers import TRIGGERS
from tests.support.documents.shipped import PRODUCERS, catalogs, ingest_of, shipped_event
from tests.support.repository import REPOSITORY
from weir_client import event_from_envelope

APP = "unofficial_communities"
PERSON = "7"
GRANTED = {PERSON: consent_text(1, telemetry=True, whatsapp_activity=True)}
CATALOG_TEXT = (REPOSITORY / "catalogs" / f"{APP}.yaml").read_text()


async def _answer(
    name: str, properties: Mapping[str, object], producer: str, **fields: Any
) -> tuple[Verdict, Rejection | None]:
    """What becomes of an event of a person who granted everything, or of none for events of category System,
    and why."""
    ingest = ingest_of(APP, GRANTED)
    person = "" if name.startswith(("system.", "webhook.")) else PERSON
    event = shipped_event(name, properties, producer, subject_id=person, **fields)
    outcome = await ingest.take(event)
    letter = outcome.rejections.get(0)
    return outcome.verdicts[0], letter.rejection if letter else None


def _allowed(name: str) -> set[str]:
    return set(PRODUCERS) if SOURCES[name] == "All" else {SOURCES[name].lower()}


def test_the_tables_have_the_same_events() -> None:
    assert PROPERTIES.keys() == SOURCES.keys()


@pytest.mark.parametrize("name", PROPERTIES)
async def test_an_event_has_the_properties_of_its_table(name: str) -> None:
    declared = catalogs()[APP].events[name].latest.schema.get("properties", {})
    assert isinstance(declared, dict)
    assert set(declared) == set(PROPERTIES[name]) | COMMUNITY_EXTRAS.get(name, set())
    # Presence is sampled in production.
    staging = event_pb2.ENVIRONMENT_STAGING
    for source in sorted(_allowed(name)):
        answer = await _answer(name, PROPERTIES[name], source, environment=staging)
        assert answer == (Verdict.ACCEPTED, None), source


@pytest.mark.parametrize("name", PROPERTIES)
async def test_an_event_from_another_source_is_rejected(name: str) -> None:
    for source in sorted(PRODUCERS.keys() - _allowed(name)):
        verdict, rejection = await _answer(name, PROPERTIES[name], source)
        assert verdict is Verdict.REJECTED, source
        assert rejection is not None
        assert (rejection.reason, rejection.field) == ("PRODUCER_NOT_ALLOWED", "producer")


@pytest.mark.parametrize("name", PROPERTIES)
async def test_a_property_that_no_table_lists_is_taken_except_about_whatsapp(name: str) -> None:
    more = {**PROPERTIES[name], "seen_on": "a page"}
    staging = event_pb2.ENVIRONMENT_STAGING
    verdict, rejection = await _answer(name, more, sorted(_allowed(name))[0], environment=staging)
    if name.startswith("whatsapp."):
        assert verdict is Verdict.REJECTED
        assert rejection is not None
        assert rejection.reason == "PROPERTIES_INVALID"
    else:
        assert verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("name", "field", "allowed", "others"),
    [
        ("gamification.streak.milestone", "milestone", (7, 30, 100), (0, 8, "7", None)),
        ("age.gate_presented", "gate", ("A", "B", "C"), ("D", "a", "", None)),
        ("age.blocked", "gate", ("A", "B"), ("C", "b", None)),
        ("world.zone.entered", "zone_type", ZONES, ("the_moon", "Workshop", "", None)),
        # There is no zone before the first one.
        ("world.zone.entered", "from_zone", (*ZONES, None), ("the_moon", "interior", "")),
        ("world.zone.exited", "zone_type", ZONES, ("the_moon", None)),
        ("world.presence.updated", "zone_type", ZONES, ("the_moon", None)),
    ],
)
async def test_a_property_with_listed_values_takes_no_others(
    name: str, field: str, allowed: tuple[object, ...], others: tuple[object, ...]
) -> None:
    assert len(ZONES) == 13
    [source] = _allowed(name)
    staging = event_pb2.ENVIRONMENT_STAGING
    for value in allowed:
        properties = {**PROPERTIES[name], field: value}
        answer = await _answer(name, properties, source, environment=staging)
        assert answer == (Verdict.ACCEPTED, None), value
    for value in others:
        properties = {**PROPERTIES[name], field: value}
        verdict, rejection = await _answer(name, properties, source, environment=staging)
        assert verdict is Verdict.REJECTED, value
        assert rejection is not None
        assert (rejection.reason, rejection.field) == ("PROPERTIES_INVALID", f"properties.{field}")


async def test_a_tenth_of_presence_is_kept_in_production_and_the_rest_is_answered_as_sampled() -> (
    None
):
    ingest = ingest_of(APP, GRANTED)
    name, verdicts = "world.presence.updated", []
    for batch in range(10):
        events = [
            shipped_event(name, PROPERTIES[name], "server", event_id=f"p-{batch}-{number}")
            for number in range(1_000)
        ]
        verdicts += (await ingest.take(*events)).verdicts
    kept = verdicts.count(Verdict.ACCEPTED)
    # Four standard deviations of a binomial distribution: sqrt(10000 * 0.1 * 0.9) = 30.
    assert abs(kept - 1_000) < 120
    assert verdicts.count(Verdict.SAMPLED) == 10_000 - kept
    assert len(ingest.stored()) == kept


@pytest.mark.parametrize(
    ("written", "kept_us"),
    [
        # The moment, counted by hand: 2026-01-14 is day 20467, and 12:30 is 45,000 seconds.
        ("2026-01-14T12:30:00.000Z", (20_467 * 86_400 + 45_000) * 1_000_000),
        ("2026-01-14T12:30:00.123Z", (20_467 * 86_400 + 45_000) * 1_000_000 + 123_000),
        ("2026-01-14T13:30:00.123456+01:00", (20_467 * 86_400 + 45_000) * 1_000_000 + 123_456),
    ],
)
async def test_a_timestamp_is_kept_in_utc_and_to_the_microsecond(
    written: str, kept_us: int
) -> None:
    document = {
        "event_name": "community.invite.used",
        "timestamp": written,
        "source": "api",
        "properties": {"community_id": 1},
    }
    ingest = ingest_of(APP)
    await ingest.take(event_from_envelope(to_envelope(catalogs()[APP], document)))
    assert [event.occurred_at.ToMicroseconds() for event in ingest.stored()] == [kept_us]


async def test_an_event_without_a_timestamp_is_rejected() -> None:
    event = shipped_event("community.invite.used", {"community_id": 1}, "api")
    event.ClearField("occurred_at")
    outcome = await ingest_of(APP).take(event)
    assert outcome.verdicts == [Verdict.REJECTED]
    assert outcome.rejections[0].rejection.field == "occurred_at"


@pytest.mark.parametrize("name", ["world.zone.visited", "World.Zone.Entered", "world.zone", ""])
async def test_an_event_that_is_not_in_the_catalog_is_rejected(name: str) -> None:
    verdict, rejection = await _answer(name, {}, "server")
    assert verdict is Verdict.REJECTED
    assert rejection is not None
    assert (rejection.reason, rejection.field) == ("EVENT_UNKNOWN", "name")


@pytest.mark.parametrize(
    ("name", "loads"),
    [
        ("user.session.created", True),
        ("community.founded", True),
        ("user.login.otp_sent", True),
        ("login", False),
        ("user.session.created.again", False),
        ("User.session.created", False),
        ("user.session created", False),
        ("user..created", False),
        ("user.session2.created", False),
    ],
)
def test_a_name_of_another_form_does_not_load(name: str, loads: bool) -> None:
    more = f'events:\n  "{name}": {{category: system, producers: [api]}}\n'
    text = CATALOG_TEXT.replace("events:\n", more, 1)
    if loads:
        assert name in compile_catalog(text, "more.yaml").events
    else:
        with pytest.raises(CatalogError, match="does not follow the app's naming"):
            compile_catalog(text, "more.yaml")


def test_the_list_of_events_says_when_each_is_sent() -> None:
    arguments = ["show", APP, "--catalogs", str(REPOSITORY / "catalogs"), "--json"]
    shown = orjson.loads(CliRunner().invoke(catalog_command, arguments).stdout)
    said = {name: event["description"].lower() for name, event in shown["events"].items()}
    assert said == {name: _written_out(trigger).lower() for name, trigger in TRIGGERS.items()}


def _written_out(text: str) -> str:
    """A text of the document without its abbreviations."""
    words = {"DOB": "date of birth", "T&S": "Trust and safety", "7/30/100": "7, 30 or 100"}
    for short, long in words.items():
        text = text.replace(short, long)
    return text
