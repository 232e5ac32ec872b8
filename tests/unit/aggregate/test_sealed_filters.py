"""No question may ask about a sealed property; neither of events nor of behaviour."""

import pytest
from weir.aggregate.v1 import behaviour_pb2

from cli.catalog_filters import filter_mistakes
from libs.catalog import compile_catalog
from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.convert import event_rule
from services.aggregate.events.convert import filter_of
from tests.support.small_catalog import SMALL

TEXT = SMALL.replace("mode: {type: string}", "mode: {type: string, x-pii: sealed}")
CATALOG = compile_catalog(TEXT, "chess.yaml")
SAYS = "`properties.mode` is sealed in `game.ended`: no filter can read it"


@pytest.mark.parametrize(
    "text",
    [
        'properties.mode = "blitz"',
        "properties.mode = null",
        "NOT properties.mode:*",
        'name = "game.*" AND properties.mode.deep > 5',
        'name = "club.joined" OR properties.mode != "x"',
    ],
)
def test_events_are_not_listed_by_it(text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        filter_of(text, CATALOG)
    assert raised.value.field == "filter"
    assert SAYS in raised.value.message


def test_the_same_word_in_an_event_that_does_not_seal_it_can_be_asked_for() -> None:
    assert filter_of('name = "game.started" AND properties.mode = "blitz"', CATALOG)
    assert filter_of('name = "game.ended" AND properties.moves > 5', CATALOG)


def test_behaviour_is_not_asked_by_it() -> None:
    step = behaviour_pb2.Step(name="game.*", filter='properties.mode = "blitz"')
    with pytest.raises(InvalidArgument, match="is sealed in") as raised:
        event_rule(step, "steps[0]", CATALOG, "s0_")
    assert raised.value.field == "steps[0].filter"


def test_catalogs_define_no_behaviour_by_it() -> None:
    behaviour = (
        "behaviours:\n  winners: {events: [game.ended], filter: 'properties.mode = \"blitz\"'}\n"
    )
    [mistake] = filter_mistakes(compile_catalog(TEXT + behaviour, "chess.yaml"))
    assert mistake == f"chess: behaviours.winners.filter: at character 1: {SAYS}"
