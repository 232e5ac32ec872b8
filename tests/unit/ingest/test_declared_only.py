"""Apps that store of an event only what its definition names."""

from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict

from libs.catalog import compile_catalog
from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import COACHING, Ingest, serialized

# Without counts-only events: then dead letters of unknown ones hold something.
DECLARED = (
    CHESS.replace("    counts_only: true\n", "")
    + "collection: {properties: declared, context: [platform, ip, build, seat]}\n"
)
CATALOG = chess(
    DECLARED.replace("audit: {", "audit: {context: [], ").replace(
        "  login.failed: {category: audit}",
        "  login.failed: {category: audit, properties: {reason: {type: string}}}\n"
        "  game.open: {category: play, additionalProperties: true}",
    )
)
CONTEXT = {"platform": "web", "ip": "198.51.100.23", "page_url": "/canary", "user_agent": "canary"}


def _event(event_id: str = "e1", **fields: Any) -> Any:
    event = event_of(event_id, subject_id="ann", context=CONTEXT, **fields)
    event.context.extra.update({"build": "7", "screen": "canary", "seat": {"row": 3}})
    return event


async def test_of_the_context_only_what_is_listed_is_stored() -> None:
    ingest = Ingest({"ann": COACHING}, catalog=CATALOG)
    outcome = await ingest.take(_event(), _event("e2", name="login.failed", properties_json=b"{}"))
    assert outcome.verdicts == [Verdict.ACCEPTED] * 2
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)
    game, login = ingest.stored()
    assert MessageToDict(game.context) == {
        "platform": "web",
        "ip": "198.51.100.0",
        "extra": {"build": "7", "seat": {"row": 3.0}},
    }
    # A category's own list is empty.
    assert MessageToDict(login.context) == {}


async def test_a_context_of_which_nothing_is_listed_and_none_at_all() -> None:
    ingest = Ingest(catalog=CATALOG)
    bare = event_of("a")
    unlisted = event_of("b", context={"locale": "pt"})
    unlisted.context.extra.update({"x": 1})
    await ingest.take(bare, unlisted)
    first, second = ingest.stored()
    assert not first.HasField("context")
    assert MessageToDict(second.context) == {}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"properties_json": b'{"moves":3,"note":"canary"}'}, {"moves": 3}),
        ({"properties_json": b'{"moves":-3,"email":"a@b.example"}'}, {"moves": -3, "email": "a@b.example"}),
        ({"name": "game.unknown", "properties_json": b'{"moves":3,"note":"canary"}'}, {}),
        ({"properties_json": b'{"moves":3,"note":"canary"'}, {}),
    ],
)  # fmt: skip
async def test_a_dead_letter_has_no_more_than_an_event_could(
    fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    ingest = Ingest({"ann": COACHING}, catalog=CATALOG)
    assert (await ingest.take(_event(**fields))).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.event.subject_id == "ann"
    assert properties_of(letter.event) == kept
    assert b"canary" not in letter.event.SerializeToString()


async def test_an_undeclared_property_is_named_as_the_reason() -> None:
    ingest = Ingest({"ann": COACHING}, catalog=CATALOG)
    open_event = _event("e2", name="game.open", properties_json=b'{"any":1}')
    outcome = await ingest.take(_event(properties_json=b'{"moves":3,"move":4}'), open_event)
    assert outcome.verdicts == [Verdict.REJECTED, Verdict.ACCEPTED]
    [letter] = ingest.letters()
    assert (letter.reason, letter.field) == ("PROPERTIES_INVALID", "properties")
    assert letter.message.startswith("has a property that the catalog does not declare")


async def test_an_app_that_says_nothing_keeps_all() -> None:
    ingest = Ingest({"ann": COACHING})
    raw = orjson.dumps({"moves": 3, "note": "canary"})
    await ingest.take(_event(properties_json=raw))
    [stored] = ingest.stored()
    assert (stored.properties_json, stored.context.page_url) == (raw, "/canary")
    assert "screen" in stored.context.extra.fields


def test_each_version_is_closed_unless_it_says_otherwise() -> None:
    catalog = compile_catalog(DECLARED, "chess.yaml")
    for version in catalog.events["game.ended"].versions.values():
        assert version.is_valid({"moves": 3})
        assert not version.is_valid({"moves": 3, "note": "x"})
