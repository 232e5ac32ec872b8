"""Whatever a catalog at ingest let through: a cell's key has at most the characters of the app's limit."""

from typing import Any

import pytest
from weir.common.v1 import event_pb2

from libs.catalog import compile_catalog
from services.aggregate.counting.fold import fold
from services.aggregate.counting.identity import make_cell
from services.aggregate.plan import compile_plan
from tests.support.aggregate_batches import batch, event
from tests.support.arena_catalog import CATALOG, plan
from tests.support.pseudonyms import PSEUDONYMS


def _modes(*values: Any, more: str = "") -> dict[object, int]:
    """The matches counted by mode; all in one week, without a guild."""
    app = compile_plan(compile_catalog(CATALOG + more, "arena.yaml"))
    folded = fold(
        app, [batch(*(event(properties={"mode": value}) for value in values))], PSEUDONYMS
    )
    return {key[2]: measures[0].count for key, measures, _ in folded["matches"].cells()}


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 255 + "…"),
        ("é" * 2_500_000, "é" * 255 + "…"),
        (["y" * 252], b'["%s"]' % (b"y" * 252)),  # 256 characters
        (["é" * 252], '["{}"]'.format("é" * 252).encode()),  # 256 characters in 508 bytes
        (["y" * 253], "…"),
        ({"a": ["y"] * 1_000}, "…"),
        (1e300, b"1e+300"),
    ],
)
def test_a_longer_value_is_cut_and_marked(value: Any, key: str | bytes) -> None:
    assert _modes(value) == {key: 1}


def test_values_that_are_cut_alike_are_one_cell() -> None:
    assert _modes("x" * 300, "x" * 400, "x" * 255 + "…", None, "duel") == {
        "x" * 255 + "…": 3,
        None: 1,
        "duel": 1,
    }


def test_the_catalog_sets_the_limit() -> None:
    assert _modes("x" * 131, more="limits: {dimension_characters: 130}\n") == {"x" * 129 + "…": 1}


def test_texts_of_the_context_and_findings_of_enrich_are_cut_too() -> None:
    message = event(platform="p" * 3_000, properties={"score": 1}, entity_type="match")
    folded = fold(plan(), [batch(message, countries=["C" * 5_000])], PSEUDONYMS)
    [(key, _, _)] = folded["scores"].cells()
    assert key[1:] == ("C" * 255 + "…", "match", "p" * 255 + "…", "server")


def test_five_events_of_2_5_mb_make_small_cells() -> None:
    message = event(properties={"mode": "m" * 2_500_000})
    for cell in (
        make_cell("arena", plan().rollups["matches"], key)
        for key, _, _ in fold(plan(), [batch(*[message] * 5)], PSEUDONYMS)["matches"].cells()
    ):
        assert len(cell.dimensions) < 300


def test_the_event_itself_stays_as_it_was() -> None:
    message: event_pb2.Event = event(properties={"mode": "m" * 300})
    before = message.SerializeToString()
    fold(plan(), [batch(message)], PSEUDONYMS)
    assert message.SerializeToString() == before
