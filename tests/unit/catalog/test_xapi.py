"""The section `xapi` of a catalog: what it means, and each mistake with its line."""

import pytest

from libs.catalog import CatalogError, Source, SourceKind
from libs.catalog.xapi import (
    Xapi,
    XapiActivity,
    XapiDuration,
    XapiResult,
    XapiScore,
    XapiStatement,
)
from tests.support.small_catalog import SMALL, small

SECTION = """\
xapi:
  home_page: https://chess.example
  verbs: {won: https://chess.example/won}
  activities:
    game: {id: 'https://chess.example/{properties.mode}/{club_id}'}
  statements:
    game.ended:
      verb: won
      object: game
      result:
        score: {raw: properties.moves, min: 1}
        success: true
        duration: {seconds: properties.moves}
"""


def test_what_it_means() -> None:
    moves = Source(SourceKind.PROPERTY, ("moves",))
    game = XapiActivity(
        (
            "https://chess.example/",
            Source(SourceKind.PROPERTY, ("mode",)),
            "/",
            Source(SourceKind.ENVELOPE, ("group_id",)),
        )
    )
    result = XapiResult(XapiScore(moves, 1.0), success=True, duration=XapiDuration(moves, 1))
    statement = XapiStatement("won", "https://chess.example/won", (game,), (), (), result)
    assert small(SECTION).xapi == Xapi("https://chess.example", "en", {"game.ended": statement})
    assert small().xapi is None


@pytest.mark.parametrize(
    ("written", "wrong", "problem"),
    [
        ("https://chess.example\n", "chess\n", "xapi.home_page: must be an absolute IRI"),
        ("won: https://chess.example/won", "won: won", "xapi.verbs.won: must be an absolute IRI"),
        ("game.ended:", "game.end:", "no event `game.end`; did you mean `game.ended`?"),
        ("verb: won", "verb: wom", "no verb `wom`; did you mean `won`?"),
        ("object: game", "object: gam", "no activity `gam`; did you mean `game`?"),
        ("      object: game\n", "", "`object` is missing"),
        ("properties.mode}", "properties.mood}", "none of its events declares `properties.mood`"),
        ("{club_id}", "{player}", "a statement says who by its actor only"),
        ("{club_id}", "{session_id}", "a statement says who by its actor only"),
        ("'https://chess.example/{p", "'{p", "xapi.activities.game.id: must be an absolute IRI"),
        ("raw: properties.moves", "raw: moves", "`moves` is not a field of an event"),
        ("raw: properties.moves, ", "", "`raw` is missing"),
        ("{seconds:", "{minutes:", "unknown key `minutes`"),
        ("success: true", "succes: true", "unknown key `succes`; did you mean `success`?"),
    ],
)
def test_mistakes(written: str, wrong: str, problem: str) -> None:
    assert SECTION.count(written) >= 1
    with pytest.raises(CatalogError) as caught:
        small(SECTION.replace(written, wrong, 1))
    problems = [str(one) for one in caught.value.problems]
    assert [one for one in problems if problem in one], problems
    lines = range(SMALL.count("\n") + 1, (SMALL + SECTION).count("\n") + 1)
    assert all(one.line in lines for one in caught.value.problems)
