"""What a catalog says about how long things may be."""

import pytest

from libs.catalog import CatalogError, LongerDimension, cut_text
from tests.support.small_catalog import small

ROLLUPS = """\
rollups:
  games:
    events: [game.ended]
    period: day
    dimensions: [club_id, properties.mode, context.referrer, country]
    metrics: {games: count}
  starts:
    events: [game.*]
    period: day
    dimensions: [properties.mode, attribution.source, entity.id, subject]
    metrics: {games: count}
"""


def test_without_limits_there_are_generous_ones() -> None:
    limits = small().limits
    assert (limits.dimension_characters, limits.longer_dimension) == (256, LongerDimension.REJECT)
    assert (limits.text_characters, limits.property_bytes, limits.event_bytes) == (
        2_048,
        65_536,
        524_288,
    )


def test_each_limit_can_be_set() -> None:
    limits = small(
        "limits: {dimension_characters: 1000, longer_dimension: cut, text_characters: 4096,"
        " property_bytes: 2048, event_bytes: 65536}\n"
    ).limits
    assert (limits.dimension_characters, limits.longer_dimension) == (1_000, LongerDimension.CUT)
    assert (limits.text_characters, limits.property_bytes, limits.event_bytes) == (
        4_096,
        2_048,
        65_536,
    )


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ("dimension_charakters: 300", "did you mean `dimension_characters`?"),
        ("dimension_characters: 127", "limits.dimension_characters: must be a number from 128"),
        ("dimension_characters: 4097", "limits.dimension_characters: must be a number from 128"),
        ("dimension_characters: 200.5", "limits.dimension_characters: must be a whole number"),
        ("longer_dimension: drop", "limits.longer_dimension: `drop` is not one of reject, cut"),
        ("text_characters: 65537", "limits.text_characters: must be a number"),
        ("property_bytes: 64KiB", "limits.property_bytes: must be a number"),
        ("event_bytes: 65535", "limits.event_bytes: must be a number"),
    ],
)
def test_a_limit_that_cannot_be_is_a_problem(limits: str, problem: str) -> None:
    with pytest.raises(CatalogError, match="limits") as caught:
        small(f"limits: {{{limits}}}\n")
    assert problem in str(caught.value)


def test_the_dimensions_that_a_producer_can_make_long_are_known_by_event() -> None:
    """Ids of the envelope have 128 characters at most, and the country has two."""
    dimensions = {
        event: ([*map(str, sent.properties)], [*map(str, sent.texts)])
        for event, sent in small(ROLLUPS).sent_dimensions.items()
    }
    assert dimensions == {
        "game.ended": (["properties.mode"], ["context.referrer", "attribution.source"]),
        "game.started": (["properties.mode"], ["attribution.source"]),
    }


@pytest.mark.parametrize(
    ("text", "cut"), [("", ""), ("abcd", "abcd"), ("abcde", "abc…"), ("äöüßé", "äöü…")]
)
def test_a_cut_text_ends_with_a_mark(text: str, cut: str) -> None:
    assert cut_text(text, 4) == cut
