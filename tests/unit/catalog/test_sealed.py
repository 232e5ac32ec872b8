"""Properties marked `x-pii: sealed`: nothing of a catalog may read them, because they are stored
encrypted."""

import pytest

from libs.catalog import CatalogError, compile_catalog
from tests.support.small_catalog import SMALL

PLAIN = "mode: {type: string}"
SEALED = SMALL.replace(PLAIN, "mode: {type: string, x-pii: sealed}")


def problems_of(text: str) -> list[str]:
    with pytest.raises(CatalogError) as raised:
        compile_catalog(text, "chess.yaml")
    return [str(problem) for problem in raised.value.problems]


def test_a_sealed_property_is_personal() -> None:
    catalog = compile_catalog(SEALED, "chess.yaml")
    version = catalog.events["game.ended"].latest
    assert version.pii_properties == version.sealed_properties == {"mode"}
    assert catalog.sealed == {"game.ended": {"mode"}}
    assert not compile_catalog(SMALL, "chess.yaml").sealed


def test_it_is_sealed_in_all_versions_if_one_says_so() -> None:
    versions = """
    versions:
      1.0.0: {properties: {mode: {type: string, x-pii: sealed}}}
      1.1.0: {properties: {mode: {type: string}}}
"""
    text = SMALL.replace(
        "  club.joined:\n    category: play\n", f"  club.joined:\n    category: play{versions}"
    )
    assert compile_catalog(text, "chess.yaml").sealed == {"club.joined": {"mode"}}


def rollup(metric: str) -> str:
    return f"rollups:\n  games: {{events: [game.*], period: day, metrics: {{m: {metric}}}}}\n"


READERS = [
    (
        "rollups:\n  games: {events: [game.*], period: day, dimensions: [properties.mode],"
        " metrics: {m: count}}\n",
        "rollups.games",
    ),
    (rollup("{distinct: properties.mode}"), "rollups.games"),
    (rollup("{count: events, if: {properties.mode: blitz}}"), "rollups.games"),
    ("gauges:\n  now: {seen: [game.ended], within: 5m, by: [properties.mode]}\n", "gauges.now.by"),
    (
        "gauges:\n  now: {seen: {events: [game.ended], if: {properties.mode: a}}, within: 5m}\n",
        "gauges.now",
    ),
    (
        "metrics:\n  m:\n    index:\n      components:\n"
        "        a: {weight: 1.0, mean: properties.mode, events: [game.ended], target: 5}\n",
        "metrics.m.index.components.a",
    ),
    (
        "xapi:\n  home_page: https://chess.example\n  verbs: {ended: https://chess.example/ended}\n"
        "  activities: {game: {id: 'https://chess.example/{properties.mode}'}}\n"
        "  statements: {game.ended: {verb: ended, object: [game]}}\n",
        "xapi.statements.game.ended",
    ),
]


@pytest.mark.parametrize(("section", "place"), READERS, ids=[place for _, place in READERS])
def test_nothing_can_be_counted_by_it(section: str, place: str) -> None:
    compile_catalog(SMALL + section, "chess.yaml")
    problems = problems_of(SEALED + section)
    expected = "`properties.mode` is sealed in `game.ended`: no number or condition can read it"
    assert any(place in problem and expected in problem for problem in problems), problems


@pytest.mark.parametrize(
    "word", ["entity.id", "session_id", "context.class_id", "attribution.source"]
)
def test_it_is_not_copied_into_the_envelope(word: str) -> None:
    fields = f"fields: {{{word}: properties.mode}}\n"
    compile_catalog(SMALL + fields, "chess.yaml")
    problems = problems_of(SEALED + fields)
    assert any(f"fields.{word}: the property `mode` is" in one for one in problems), problems


def test_ids_of_other_people_are_not_sealed() -> None:
    both = "mode: {type: string, x-pii: sealed, x-subject: true}"
    [problem] = problems_of(SMALL.replace(PLAIN, both))
    assert "chess.yaml:15: events.game.ended.properties.mode: other people's ids" in problem


@pytest.mark.parametrize(
    ("mark", "said", "known"),
    [("x-pii", "seald", "true, false, sealed"), ("x-subject", "sealed", "true, false")],
)
def test_a_misspelt_mark_is_a_mistake(mark: str, said: str, known: str) -> None:
    text = SMALL.replace(PLAIN, f"mode: {{type: string, {mark}: {said}}}")
    [problem] = problems_of(text)
    assert problem.endswith(f"`{mark}` is one of {known}")


def test_marks_belong_to_whole_properties() -> None:
    nested = "mode: {type: object, properties: {mail: {type: string, x-pii: sealed}}}"
    [problem] = problems_of(SMALL.replace(PLAIN, nested))
    assert "`x-pii` marks whole properties, not parts of one" in problem
