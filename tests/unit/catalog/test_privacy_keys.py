"""What a catalog says about people: purposes, places where they are named, location, counts."""

import pytest

from libs.catalog import CatalogError, Ground, Subjectless, WhenDenied, compile_catalog
from tests.support.small_catalog import SMALL, small

PURPOSE = "telemetry: {default: granted, when_denied: anonymize}"
MODE = "mode: {type: string}"


def _problems(text: str) -> list[str]:
    with pytest.raises(CatalogError) as error:
        compile_catalog(text, "chess.yaml")
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("rest", "subjectless"),
    [
        # Without a word of the catalog's: as a person who never answered.
        ("default: granted, when_denied: anonymize", Subjectless.ACCEPT),
        ("default: granted, when_denied: drop", Subjectless.ACCEPT),
        ("default: denied, when_denied: anonymize", Subjectless.ACCEPT),
        ("default: denied, when_denied: drop", Subjectless.DROP),
        ("default: denied, when_denied: drop, subjectless: accept", Subjectless.ACCEPT),
        ("default: granted, when_denied: anonymize, subjectless: drop", Subjectless.DROP),
    ],
)
def test_a_purpose_says_what_becomes_of_events_that_name_no_person(
    rest: str, subjectless: Subjectless
) -> None:
    catalog = compile_catalog(SMALL.replace(PURPOSE, f"telemetry: {{{rest}}}"), "chess.yaml")
    assert catalog.purposes["telemetry"].subjectless is subjectless
    assert catalog.purposes["telemetry"].when_denied is WhenDenied(rest.split()[3].strip(","))


@pytest.mark.parametrize(
    ("rest", "seconds"),
    [
        ("default: denied, when_denied: drop", None),
        ("default: denied, when_denied: drop, expires: 13mo", 13 * 30 * 86_400),
        ("default: denied, when_denied: drop, expires: 90d", 90 * 86_400),
    ],
)
def test_a_grant_may_end(rest: str, seconds: int | None) -> None:
    catalog = compile_catalog(SMALL.replace(PURPOSE, f"telemetry: {{{rest}}}"), "chess.yaml")
    assert catalog.purposes["telemetry"].expires_seconds == seconds


def test_a_ground_is_consent_unless_the_catalog_says_otherwise() -> None:
    assert small().purposes["telemetry"].ground is Ground.CONSENT
    rest = "default: granted, when_denied: anonymize, ground: legitimate_interest"
    catalog = compile_catalog(SMALL.replace(PURPOSE, f"telemetry: {{{rest}}}"), "chess.yaml")
    assert catalog.purposes["telemetry"].ground is Ground.LEGITIMATE_INTEREST


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ("default: granted, expires: 90d", "expires: a purpose that is granted by default has no"),
        ("default: denied, ground: legitimate_interest", "ground: a legitimate interest holds"),
        ("default: denied, ground: habit", "ground: `habit` is not one of consent,"),
        ("default: denied, expires: soon", "expires: must be a length of time"),
    ],
)
def test_a_ground_and_an_end_that_contradict_the_default_are_mistakes(
    rest: str, problem: str
) -> None:
    text = SMALL.replace(PURPOSE, f"telemetry: {{{rest}, when_denied: drop}}")
    [found] = _problems(text)
    assert f"purposes.telemetry.{problem}" in found


MINORS = """\
minors:
  bands:
    under_13: {guardian: all}
    teen: {closed: [telemetry]}
    adult: {}
"""


def test_the_youngest_band_is_that_of_people_of_unknown_age() -> None:
    assert small().minors is None
    catalog = small(MINORS)
    assert catalog.minors is not None
    assert (catalog.minors.bands, catalog.minors.identity) == (("under_13", "teen", "adult"), None)
    ages = catalog.purposes["telemetry"].ages
    assert ages is not None
    assert (ages.unknown, ages.guardian, ages.closed) == ("under_13", {"under_13"}, {"teen"})
    other = small(MINORS + "  unknown: adult\n  identity: telemetry\n")
    assert other.minors is not None
    assert other.minors.identity is other.purposes["telemetry"]
    assert other.events["game.ended"].purpose is other.purposes["telemetry"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("  unknown: old\n", "minors.unknown: no age band `old`"),
        ("  identity: telemetri\n", "minors.identity: no purpose `telemetri`; did you mean"),
        ("    Old: {}\n", "minors.bands.Old: the name of a band of ages"),
        ("    old: {guardian: [telemetri]}\n", "minors.bands.old.guardian: no purpose `telemetri`"),
        ("    old: {parent: all}\n", "minors.bands.old: unknown key `parent`"),
    ],
)
def test_a_band_that_says_nothing_sensible_is_a_mistake(change: str, problem: str) -> None:
    [found] = _problems(SMALL + MINORS + change)
    assert problem in found


def test_location_names_a_purpose() -> None:
    assert small().location_purpose is None
    located = small("location: {purpose: telemetry}\n")
    assert located.location_purpose is located.purposes["telemetry"]
    [problem] = _problems(SMALL + "location: {purpose: telemetri}\n")
    assert "location.purpose: no purpose `telemetri`; did you mean `telemetry`?" in problem


def test_places_where_people_are_named() -> None:
    assert not small().names_others
    assert not small().may_hold_others
    by_teacher = """\
rollups:
  lessons:
    events: [game.ended]
    period: day
    dimensions: [context.teacher_id]
    metrics: {lessons: count}
"""
    assert small(by_teacher).may_hold_others
    assert not small(by_teacher).names_others
    marked = compile_catalog(SMALL.replace(MODE, "mode: {x-subject: true}"), "chess.yaml")
    assert marked.events["game.ended"].latest.subject_properties == {"mode"}
    assert marked.names_others
    typed = SMALL.replace("{name: player}", "{name: player, entity_types: [player, coach]}")
    catalog = compile_catalog(typed, "chess.yaml")
    assert catalog.subject_entity_types == {"player", "coach"}
    assert catalog.names_others
    assert catalog.may_hold_others


def test_measures_are_the_properties_that_rollups_calculate_with() -> None:
    rollup = """\
rollups:
  games:
    events: [game.ended]
    period: day
    dimensions: [properties.mode]
    metrics: {games: count, longest: {max: properties.moves}, modes: {distinct: properties.mode}}
"""
    assert small().measures == frozenset()
    assert small(rollup).measures == {("moves",)}


def test_a_ground_is_in_words() -> None:
    text = SMALL.replace("purpose: telemetry,", "legal_ground: The contract,")
    assert compile_catalog(text, "chess.yaml").categories["play"].legal_ground == "The contract"


COUNTED = SMALL.replace(
    "    category: play\n    properties: {moves",
    "    category: play\n    counts_only: true\n    properties: {moves",
)


def test_a_counts_only_event_lists_its_properties() -> None:
    event = compile_catalog(COUNTED, "chess.yaml").events["game.ended"]
    assert event.counts_only
    assert event.latest.is_valid({"moves": 3, "mode": "blitz"})
    assert not event.latest.is_valid({"moves": 3, "text": "see you at eight"})
    assert not small().events["game.ended"].counts_only


def test_a_category_can_be_counts_only() -> None:
    text = SMALL.replace("play: {", "play: {counts_only: true, ")
    events = compile_catalog(text, "chess.yaml").events
    assert all(event.counts_only for event in events.values())
    assert not events["club.joined"].latest.is_valid({"text": "see you at eight"})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("mode: {type: object}", "game.ended.properties.mode: of a counts-only event"),
        ("mode: {type: [string, array]}", "game.ended.properties.mode: of a counts-only event"),
        ("mode: {}", "game.ended.properties.mode: of a counts-only event"),
        *(
            (
                f"mode: {{type: string, {inside}}}",
                "game.ended.properties.mode: of a counts-only event",
            )
            for inside in (
                "format: date-time",
                "allOf: [{format: date-time}]",
                "anyOf: [{const: never}, {allOf: [{format: time}]}]",
            )
        ),
    ],
)
def test_what_could_hold_content_is_a_mistake(change: str, problem: str) -> None:
    [found] = _problems(COUNTED.replace(MODE, change))
    assert problem in found


@pytest.mark.parametrize(
    "more",
    [
        "additionalProperties: true",
        "patternProperties: {'^x': {type: string}}",
        "$defs: {moment: {type: string, format: date-time}}",
        "allOf: [{properties: {mode: {format: date-time}}}]",
    ],
)
def test_a_counts_only_event_takes_no_other_properties(more: str) -> None:
    text = COUNTED.replace("counts_only: true", f"counts_only: true\n    {more}")
    [found] = _problems(text)
    assert "counts-only event" in found


def test_a_flag_is_true_or_false() -> None:
    [found] = _problems(COUNTED.replace("counts_only: true", "counts_only: sometimes"))
    assert "events.game.ended.counts_only: must be true or false" in found


def test_of_how_many_people_a_number_must_be() -> None:
    assert small().least_people == 5
    assert [small(f"least_people: {number}\n").least_people for number in (1, 4, 20)] == [1, 4, 20]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("3", "must be 1, for no limit, or at least 4"),
        ("0", "must be a number from 1 to 1000"),
        ("many", "must be a number from 1 to 1000"),
    ],
)
def test_of_fewer_than_four_people_nothing_can_be_hidden(value: str, reason: str) -> None:
    [problem] = _problems(f"{SMALL}least_people: {value}\n")
    assert problem.endswith(f"least_people: {reason}")


def test_an_erasure_deletes_events_unless_the_catalog_keeps_them_for_the_numbers() -> None:
    assert not small().erasure.anonymizes_events
    assert not small("erasure: {events: delete}\n").erasure.anonymizes_events
    assert small("erasure: {events: anonymize}\n").erasure.anonymizes_events
    [problem] = _problems(SMALL + "erasure: {events: keep}\n")
    assert problem.endswith("erasure.events: `keep` is not one of delete, anonymize")
