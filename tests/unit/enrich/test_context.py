"""What a context tells: the device, the country, and JSON that Postgres can hold."""

import sys

import orjson
import pytest
from weir.common.v1 import event_pb2

from services.enrich import convert
from services.enrich.model import Device
from services.enrich.steps.context_enrichment import EMPTY, context_reader, jsonb
from services.enrich.steps.country import country_lookup
from services.enrich.steps.user_agent import parse_user_agent

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
    assert parse_user_agent(header).model == "x" * 64


def test_a_context_is_worked_out_once_however_often_it_comes() -> None:
    read = context_reader(country_lookup(None), convert.parse_context, convert.plain_context)
    context = event_pb2.Context(
        user_agent=IPHONE, ip="8.8.8.0", page_url="/shop", referrer="https://example.org/"
    )
    context.extra.update({"build": 7, "tags": ["a"]})
    facts = read(context.SerializeToString())
    assert read(context.SerializeToString()) is facts
    assert (facts.finding.country, facts.finding.device.os) == ("US", "iOS")
    assert (facts.landing_page, facts.referrer) == ("/shop", "https://example.org/")
    assert facts.context_json is not None
    assert facts.context_json[:1] == b"\x01"
    assert orjson.loads(facts.context_json[1:]) == {
        "user_agent": IPHONE,
        "ip": "8.8.8.0",
        "page_url": "/shop",
        "referrer": "https://example.org/",
        "extra": {"build": 7, "tags": ["a"]},
    }
    other = event_pb2.Context(user_agent=IPHONE, ip="8.8.8.0", page_url="/lobby")
    assert read(other.SerializeToString()).finding is facts.finding


def test_a_large_context_is_read_and_not_kept() -> None:
    read = context_reader(country_lookup(None), convert.parse_context, convert.plain_context)
    serialized = event_pb2.Context(page_url="x" * 100_000).SerializeToString()
    facts = read(serialized)
    assert facts.landing_page == "x" * 100_000
    assert sys.getrefcount(facts) == 2  # the name `facts`, and the argument
    assert read(serialized) is not facts


def test_no_context_says_nothing() -> None:
    read = context_reader(country_lookup(None), convert.parse_context, convert.plain_context)
    assert read(b"") is EMPTY
    assert EMPTY.context_json is None


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
    assert orjson.loads(jsonb({"x": text})[1:]) == {"x": held}
