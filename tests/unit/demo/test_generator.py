"""The demo's day: always the same for a seed, and made of what it should be made of."""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import demo
from demo.generator import APP_IDS, generate_day
from demo.model import ConsentOutcome, Day, DemoEvent, ExpectedVerdict, Trouble
from libs.catalog import Catalog, load_catalogs
from tests.support.repository import REPOSITORY

CATALOGS = REPOSITORY / "catalogs"
DAY = date(2026, 2, 28)
MIDNIGHT = datetime(2026, 2, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalogs() -> Mapping[str, Catalog]:
    return load_catalogs(CATALOGS)


@pytest.fixture(scope="module")
def day() -> Day:
    return generate_day(1, 10_000, DAY)


def test_a_seed_gives_one_day_and_another_seed_another(day: Day) -> None:
    assert generate_day(1, 10_000, DAY) == day
    other = generate_day(2, 10_000, DAY)
    ids = {event.event_id for event in day.events if not event.trouble}
    assert not ids & {event.event_id for event in other.events if not event.trouble}


def test_another_date_moves_everything_and_changes_nothing_else(day: Day) -> None:
    later = generate_day(1, 10_000, DAY + timedelta(days=1))
    times = [event.occurred_at + timedelta(days=1) for event in day.events]
    assert [event.occurred_at for event in later.events] == times
    assert [event.event_id for event in later.events] == [event.event_id for event in day.events]


def test_there_are_about_as_many_events_as_wanted_of_every_product(day: Day) -> None:
    assert 10_000 <= len(day.events) <= 10_300
    assert set(Counter(event.app_id for event in day.events)) == set(APP_IDS)


def test_every_verdict_and_every_trouble_occurs(day: Day) -> None:
    possible = {verdict for event in day.events for verdict in event.possible}
    assert possible == set(ExpectedVerdict)
    troubles = Counter(event.trouble for event in day.events)
    assert set(troubles) == set(Trouble)
    assert troubles[Trouble.NONE] > 0.96 * len(day.events)


def test_events_without_trouble_are_as_the_catalogs_want_them(
    day: Day, catalogs: Mapping[str, Catalog]
) -> None:
    for event in day.events:
        if event.trouble not in (Trouble.NONE, Trouble.RESENT):
            continue
        declared = catalogs[event.app_id].events[event.name]
        assert declared.latest.violations(dict(event.properties)) == [], event
        assert event.producer in declared.producers, event
        assert MIDNIGHT <= event.occurred_at < MIDNIGHT + timedelta(days=1)


def test_the_foreseen_verdicts_follow_from_catalog_and_choices(
    day: Day, catalogs: Mapping[str, Catalog]
) -> None:
    choices = {(c.app_id, c.subject_id, c.purpose): c.granted for c in day.choices}
    bands = {(c.app_id, c.subject_id): c.age_band for c in day.choices if c.age_band}
    for event in day.events:
        if event.trouble:
            continue
        declared = catalogs[event.app_id].events[event.name]
        answer = ConsentOutcome.ALLOW
        if event.subject_id and declared.purpose is not None:
            purpose = declared.purpose
            key = (event.app_id, event.subject_id, purpose.name)
            minor = purpose.ages is not None and purpose.ages.asks_guardian(bands.get(key[:2], ""))
            if minor or not choices.get(key, purpose.default_granted):
                answer = ConsentOutcome(str(purpose.when_denied))
        verdict = {
            ConsentOutcome.ALLOW: ExpectedVerdict.ACCEPTED,
            ConsentOutcome.ANONYMIZE: ExpectedVerdict.ANONYMIZED,
            ConsentOutcome.DROP: ExpectedVerdict.DROPPED,
        }[answer]
        sampled = declared.sampling.get("production", 1.0) < 1.0
        assert event.possible == {verdict} | ({ExpectedVerdict.SAMPLED} if sampled else set()), (
            event
        )


def test_malformed_events_are_what_they_are_said_to_be(
    day: Day, catalogs: Mapping[str, Catalog]
) -> None:
    for event in day.events:
        declared = catalogs[event.app_id].events.get(event.name)
        match event.trouble:
            case Trouble.WRONG_TYPE | Trouble.MISSING_PROPERTY:
                assert declared is not None
                reasons = [v.reason for v in declared.latest.violations(dict(event.properties))]
                required = event.trouble is Trouble.MISSING_PROPERTY
                assert reasons
                assert (reasons == ["is required"]) is required
            case Trouble.UNKNOWN_EVENT:
                assert declared is None
            case Trouble.FUTURE_CLOCK:
                assert event.occurred_at > MIDNIGHT + timedelta(days=36_000)
            case Trouble.BAD_ID:
                assert not 0 < len(event.event_id) <= 128 or " " in event.event_id


def test_what_is_sent_again_was_sent_before_and_is_the_same(day: Day) -> None:
    seen: dict[str, DemoEvent] = {}
    again = 0
    for event in day.events:
        if event.trouble is Trouble.RESENT:
            first = seen[event.event_id]
            assert (first.app_id, first.envelope()) == (event.app_id, event.envelope())
            again += 1
        elif event.trouble is not Trouble.BAD_ID:
            assert event.event_id not in seen
            seen[event.event_id] = event
    assert again >= 100


def test_zones_are_left_after_they_are_entered_and_after_the_dwell_time(day: Day) -> None:
    inside: dict[str, DemoEvent] = {}
    visits = 0
    for event in sorted(day.events, key=lambda event: event.occurred_at):
        if event.trouble:
            continue
        if event.name == "world.zone.entered":
            assert event.session_id not in inside
            inside[event.session_id] = event
        elif event.name == "world.zone.exited":
            entered = inside.pop(event.session_id)
            assert entered.properties["zone_type"] == event.properties["zone_type"]
            stayed = (event.occurred_at - entered.occurred_at).total_seconds()
            assert stayed == pytest.approx(event.properties["duration_seconds"], abs=0.002)
            visits += 1
    assert not inside
    assert visits > 300


@pytest.mark.parametrize(
    ("app_id", "began", "ended"),
    [
        ("unofficial_communities", "world.session.started", "world.session.ended"),
        ("mlc_lms", "user_login", "user_logout"),
    ],
)
def test_sessions_end_after_they_began(day: Day, app_id: str, began: str, ended: str) -> None:
    events = [event for event in day.events if event.app_id == app_id and not event.trouble]
    starts = {event.session_id: event.occurred_at for event in events if event.name == began}
    ends = {event.session_id: event.occurred_at for event in events if event.name == ended}
    assert starts.keys() == ends.keys()
    assert all(start < ends[session] for session, start in starts.items())


def test_the_evening_is_busier_than_the_night(day: Day) -> None:
    hours = Counter(event.occurred_at.hour for event in day.events if not event.trouble)
    assert sum(hours[hour] for hour in (18, 19, 20, 21)) > 6 * sum(
        hours[hour] for hour in (1, 2, 3, 4)
    )


def test_people_have_game_clients_and_addresses_in_many_places(day: Day) -> None:
    contexts = [event.context for event in day.events if event.context]
    assert any("UnityPlayer/" in context.get("user_agent", "") for context in contexts)
    networks = {".".join(context["ip"].split(".")[:2]) for context in contexts if "ip" in context}
    assert len(networks) >= 8
    assert any(event.attribution for event in day.events)
    assert any(event.anonymous_id and not event.subject_id for event in day.events)


def test_the_products_take_time_ids_and_chance_from_nowhere_else() -> None:
    forbidden = {"time", "os", "secrets", "socket", "grpc", "psycopg", "libs.common", "weir"}
    folder = Path(str(demo.__file__)).parent
    files = [*folder.glob("products/*.py"), *(folder / f"{name}.py" for name in (
        "generator", "model", "scene", "surroundings", "troubles", "known_recount", "cells"
    ))]  # fmt: skip
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            assert not [n for n in names for f in forbidden if n == f or n.startswith(f"{f}.")]
            # Methods of a clock, or of the module's own shared randomness.
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"utcnow", "today", "uuid4"}, file


def test_the_metrics_that_documents_show_have_numbers(
    day: Day, catalogs: Mapping[str, Catalog]
) -> None:
    """Each of their rollups has events of the day, in the community that is asked for."""
    texts = [REPOSITORY / "README.md", REPOSITORY / "docs" / "metrics.md"]
    shown = r"weir query metric --app (\w+) --metric (\w+) --last \w+(?: --where (\w+)=(\d+))?"
    examples = [one for text in texts for one in re.findall(shown, text.read_text())]
    assert len(examples) == 3
    for app_id, metric, dimension, value in examples:
        catalog = catalogs[app_id]
        for term in catalog.metrics[metric].terms:
            names = catalog.rollups[term.rollup].events
            found = [
                event
                for event in day.events
                if event.app_id == app_id
                and event.name in names
                and (not dimension or event.properties.get(dimension) == int(value))
            ]
            assert found, (metric, term)
