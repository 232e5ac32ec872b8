"""What a context says: the device, the country, and JSON that Postgres can hold."""

import sys

import orjson
import pytest
from weir.common.v1 import event_pb2

from libs.catalog import ENRICHED_SOURCES
from services.enrich.json_text import json_text
from services.enrich.model import ALL_STEPS, ContextEnrichment
from services.enrich.steps.context_enrichment import EMPTY, MAX_CACHED_BYTES, ContextReaders
from services.enrich.steps.contract import ContextStep
from services.enrich.steps.user_agent import Device, parse_user_agent
from tests.support.enrich_batches import CONTEXT_STEPS, enriched, event, work_batch

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1"
)


def test_only_the_beginning_of_a_long_header_is_read() -> None:
    device = parse_user_agent(IPHONE + "x" * 1_000_000)
    assert (device.device_type, device.os, device.browser) == ("mobile", "iOS", "Mobile Safari")
    assert parse_user_agent("x" * 512 + IPHONE) == Device()


def test_a_name_in_a_header_is_cut_to_64_characters() -> None:
    header = (
        f"Mozilla/5.0 (Linux; Android 13; {'x' * 400}) AppleWebKit/537.36 Chrome/1 Safari/537.36"
    )
    assert parse_user_agent(header).device_model == "x" * 64


def test_a_browser_is_found_behind_a_long_list_of_components() -> None:
    # ua-parser's expression permits fewer characters in between; RE2's, like others', any number.
    header = f"Mozilla/5.0 (Windows NT 6.1; {'Example 1.0; ' * 15}) 360Spider"
    assert parse_user_agent(header).browser == "360Spider"


def _found(context: event_pb2.Context, steps: frozenset[str] = ALL_STEPS) -> ContextEnrichment:
    """What the enricher says of an event with this context."""
    batch = work_batch(event(context=context))
    batch.steps = steps
    [result] = enriched(batch).enriched
    assert result is not None
    return result.context


def _values(found: ContextEnrichment) -> dict[str, str | None]:
    return dict(zip(ENRICHED_SOURCES, found.enrichment.values, strict=True))


def _context(found: ContextEnrichment) -> dict[str, object] | None:
    """The context as it is stored: the first of its columns, a length and a jsonb of version 1."""
    length = int.from_bytes(found.columns[:4], "big", signed=True)
    if length < 0:
        return None
    assert found.columns[4] == 1
    stored = orjson.loads(found.columns[5 : 4 + length])
    assert isinstance(stored, dict)
    return stored


def test_a_context_is_worked_out_once_however_often_it_comes() -> None:
    calls: list[str] = []

    def find(address: str) -> tuple[str]:
        calls.append(address)
        return ("US",)

    step = ContextStep("country", ("ip",), ("country",), find)
    read = ContextReaders([step]).reader(ALL_STEPS).read_cached
    one, two = (event_pb2.Context(ip="8.8.8.0", page_url=page) for page in ("/a", "/b"))
    found = read(one.SerializeToString())
    assert read(one.SerializeToString()) is found
    # Another context for which the same is found shares the finding.
    assert read(two.SerializeToString()).enrichment is found.enrichment
    assert calls == ["8.8.8.0", "8.8.8.0"]


def test_a_context_says_where_it_comes_from_and_on_what() -> None:
    context = event_pb2.Context(
        user_agent=IPHONE, ip="8.8.8.0", page_url="/shop", referrer="https://example.org/"
    )
    context.extra.update({"build": 7, "tags": ["a"]})
    found = _found(context)
    values = _values(found)
    assert (values["country"], values["device_type"], values["os"]) == ("US", "mobile", "iOS")
    assert (values["browser"], values["browser_version"]) == ("Mobile Safari", "17.1")
    assert (values["device_brand"], values["device_model"]) == ("Apple", "iPhone")
    assert (found.page_url, found.referrer) == ("/shop", "https://example.org/")
    assert _context(found) == {
        "user_agent": IPHONE,
        "ip": "8.8.8.0",
        "page_url": "/shop",
        "referrer": "https://example.org/",
        "extra": {"build": 7, "tags": ["a"]},
    }


def test_a_step_that_is_switched_off_finds_nothing() -> None:
    context = event_pb2.Context(user_agent=IPHONE, ip="8.8.8.0")
    known = {name for name, value in _values(_found(context)).items() if value}
    only_country = _values(_found(context, frozenset({"country"})))
    assert {name: value for name, value in only_country.items() if value} == {"country": "US"}
    others = _values(_found(context, ALL_STEPS - {"country"}))
    assert {name for name, value in others.items() if value} == known - {"country"}
    without_any = _found(context, frozenset())
    assert set(without_any.enrichment.values) == {None}
    assert _context(without_any) is not None


def test_a_large_context_is_read_and_not_kept() -> None:
    reader = ContextReaders(CONTEXT_STEPS).reader(ALL_STEPS)
    context = event_pb2.Context(page_url="x" * 100_000)
    assert len(context.SerializeToString()) > MAX_CACHED_BYTES
    found = reader.read(context.SerializeToString())
    assert found.page_url == "x" * 100_000
    assert sys.getrefcount(found) == 2  # the name `found`, and the argument
    first, second = _found(context), _found(context)
    assert first is not second


def test_no_context_says_nothing() -> None:
    assert _found(event_pb2.Context()) is EMPTY
    assert _context(EMPTY) is None
    assert set(EMPTY.enrichment.values) == {None}


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\x00\x00", "\ufffd\ufffd"),
        ("\\u0000", "\\u0000"),
        ("\\\x00", "\\\ufffd"),
        ("plain", "plain"),
    ],
)
def test_u0000_is_replaced_and_its_look_alikes_are_not(text: str, held: str) -> None:
    assert orjson.loads(json_text({"x": text})) == {"x": held}
