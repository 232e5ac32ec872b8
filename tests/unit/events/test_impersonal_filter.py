"""Which properties a filter can ask for in an export without personal data."""

import pytest

from libs.events.filtering import FilterError, parse_filter
from libs.events.impersonal import check_kept
from tests.support.arena_catalog import compile_arena

ARENA = compile_arena()


@pytest.mark.parametrize(
    "text",
    [
        "properties.mode = duel",
        "name = match.ended AND properties.loot.item > 3",
        "country = DE OR NOT properties.score < 5",
        "name = unknown",
        "",
    ],
)
def test_what_an_event_keeps(text: str) -> None:
    check_kept(parse_filter(text), ARENA)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("properties.email = ann", 0),
        ("country = DE AND NOT properties.email.host = example", 21),
        # No event of the name declares it.
        ("name = match.watched AND properties.score > 1", 25),
        ("name = unknown AND properties.mode = duel", 19),
    ],
)
def test_what_no_event_keeps(text: str, position: int) -> None:
    with pytest.raises(FilterError, match="is left out") as caught:
        check_kept(parse_filter(text), ARENA)
    assert caught.value.position == position
