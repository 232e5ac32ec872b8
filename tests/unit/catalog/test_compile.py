"""What a catalog that is right compiles to."""

import pytest

from libs.catalog import (
    CatalogError,
    Dimension,
    MetricKind,
    Period,
    Source,
    SourceKind,
    WhenDenied,
)
from tests.support.small_catalog import small


def test_what_is_not_said_has_a_default() -> None:
    catalog = small()
    assert catalog.dedupe_window_seconds == 86_400
    assert catalog.clock.max_future_seconds == 600
    assert catalog.clock.max_age_days is None
    assert catalog.activity is None
    assert dict(catalog.opaque_sections) == {}


def test_an_event_inherits_from_its_category() -> None:
    event = small().events["game.ended"]
    assert event.producers == ("server",)
    assert event.purpose is not None
    assert event.purpose.when_denied is WhenDenied.ANONYMIZE
    assert event.raw_retention_days == 90
    assert event.retention_class == "90d"


def test_an_event_may_differ_from_its_category() -> None:
    catalog = small(
        "  billed: {category: play, purpose: none, producers: [all], retention: 8y,"
        " sampling: {production: 0.5}}\n"
    )
    event = catalog.events["billed"]
    assert event.purpose is None
    assert event.producers == ("frontend", "api", "server", "job", "webhooks")
    assert event.raw_retention_days == 2920
    assert event.retention_class == "7y"
    assert event.sampling == {"production": 0.5}


def test_the_newest_version_is_the_highest_number_not_the_last_text() -> None:
    catalog = small("  v: {category: play, versions: {1.10.0: {}, 1.9.0: {}, 1.2: {}}}\n")
    event = catalog.events["v"]
    assert event.latest.version == "1.10.0"
    assert event.version("") is event.latest
    assert event.version("1.9.0") is event.versions["1.9.0"]
    assert event.version("2.0.0") is None


def test_every_app_has_two_rollups() -> None:
    rollups = small("activity: [game.*]\n").rollups
    assert rollups["events"].period is Period.HOUR
    assert rollups["events"].events == {"game.started", "game.ended", "club.joined"}
    assert rollups["events"].dimensions == (
        Dimension("name", Source(SourceKind.ENVELOPE, ("name",))),
    )
    assert rollups["activity"].period is Period.DAY
    assert rollups["activity"].events == {"game.started", "game.ended"}
    assert rollups["activity"].dimensions == ()
    [people] = rollups["activity"].metrics
    assert (people.name, people.kind) == ("active_users", MetricKind.DISTINCT)
    assert people.source == Source(SourceKind.SUBJECT, ("subject",))


def test_of_a_built_in_rollup_only_the_retention_can_be_set() -> None:
    rollup = small("rollups: {events: {retention: 1y}}\n").rollups["events"]
    assert rollup.cell_retention_days == 365
    assert rollup.period is Period.HOUR
    assert rollup.events == {"game.started", "game.ended", "club.joined"}
    with pytest.raises(CatalogError, match=r"rollups\.activity: unknown key `period`"):
        small("rollups: {activity: {period: week}}\n")


def test_patterns_and_exclusions() -> None:
    rollups = small(
        "rollups:\n"
        "  a: {events: ['game.*'], period: day, metrics: {n: count}}\n"
        "  b: {events: ['*'], exclude: [game.ended], period: day, metrics: {n: count}}\n"
        "  c: {events: ['*.joined', game.ended], period: day, metrics: {n: count}}\n"
    ).rollups
    assert rollups["a"].events == {"game.started", "game.ended"}
    assert rollups["b"].events == {"game.started", "club.joined"}
    assert rollups["c"].events == {"club.joined", "game.ended"}


def test_dimensions_are_labelled_in_the_app_s_words() -> None:
    rollup = small(
        "rollups:\n"
        "  r:\n"
        "    events: ['*']\n"
        "    period: day\n"
        "    dimensions: [group_id, properties.mode, entity.type, country, context.locale]\n"
        "    metrics: {moves: {max: properties.moves}, clubs: {distinct: club_id}}\n"
    ).rollups["r"]
    assert [(d.name, str(d.source)) for d in rollup.dimensions] == [
        ("club_id", "group_id"),
        ("mode", "properties.mode"),
        ("entity_type", "entity.type"),
        ("country", "country"),
        ("locale", "context.locale"),
    ]
    assert [(m.name, m.kind, str(m.source)) for m in rollup.metrics] == [
        ("moves", "max", "properties.moves"),
        ("clubs", "distinct", "group_id"),
    ]
    assert rollup.cell_retention_days == 1825


def test_a_rollup_by_person() -> None:
    """No metric takes single people out of it."""
    text = (
        "rollups:\n"
        "  r: {events: ['*'], period: day, dimensions: [person, name], metrics: {games: count}}\n"
        "metrics:\n"
        "  games: {value: %s}\n"
    )
    rollup = small(text % "r.games").rollups["r"]
    assert [(d.name, str(d.source)) for d in rollup.dimensions] == [
        ("person", "subject"),
        ("name", "name"),
    ]
    assert rollup.personal_dimensions == {"person"}
    with pytest.raises(CatalogError, match="numbers of single people are metrics of their own"):
        small(text % "r.games, by: [person]")
    with pytest.raises(CatalogError, match="unknown key `person`"):
        small(text % "{of: r.games, where: {person: x}}")


def test_the_app_s_word_for_the_person_is_a_source() -> None:
    # The small catalog calls the person `player`.
    rollup = small(
        "rollups:\n"
        "  r:\n"
        "    events: ['*']\n"
        "    period: day\n"
        "    dimensions: [player]\n"
        "    metrics: {players: {distinct: player}, people: {distinct: subject}}\n"
    ).rollups["r"]
    assert {str(metric.source) for metric in rollup.metrics} == {"subject"}
    assert [(d.name, str(d.source)) for d in rollup.dimensions] == [("player", "subject")]


def test_shared_rules_are_merged_and_what_is_written_out_wins() -> None:
    catalog = small(
        "  merged:\n"
        "    category: play\n"
        "    properties: {<<: *base, a: {type: integer}}\n"
        "x-later: 1\n".replace("*base", "{a: {type: string}, b: {type: string}}")
    )
    assert catalog.events["merged"].latest.schema["properties"] == {
        "a": {"type": "integer"},
        "b": {"type": "string"},
    }


def test_pii_properties_are_those_marked() -> None:
    catalog = small(
        "  p: {category: play, properties: {a: {type: string, x-pii: true}, b: {type: string}}}\n"
    )
    assert catalog.events["p"].latest.pii_properties == {"a"}
