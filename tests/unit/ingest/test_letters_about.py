"""Whom a dead letter is about, and whom it names: numbers, versions and classes are no one."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from libs.common.mentions import PersonIds
from libs.common.subject_data import SubjectRef
from libs.streams.quarantined_batches import stands_in
from services.ingest.dead_letters.about import is_about, names, traces
from tests.support.chess_catalog import CHESS, chess

SUMMED = """\
rollups:
  levels:
    events: [game.ended]
    period: day
    metrics: {total: {sum: properties.moves}}
"""
CATALOG = chess(
    CHESS.replace("subject: {name: player}", "subject: {name: player, entity_types: [player]}")
    + SUMMED
)
SHORT = PersonIds(("2", "ab" * 16))
LONG = PersonIds(("annabel-4711", "ab" * 16))
# 12 digits.
NUMBER = PersonIds(("471147114711",))


@pytest.mark.parametrize(
    ("event", "people", "about", "named"),
    [
        # The fields of the envelope that have a person's id.
        ({"subject_id": "2"}, SHORT, True, True),
        ({"anonymous_id": "ab" * 16}, SHORT, True, True),
        ({"context": {"teacher_id": "2"}}, SHORT, True, True),
        ({"entity": {"type": "player", "id": "2"}}, SHORT, True, True),
        ({"entity": {"type": "board", "id": "2"}}, SHORT, False, False),
        # Those that have something else.
        ({"schema_version": "2", "event_id": "2", "name": "2"}, SHORT, False, False),
        ({"session_id": "2", "group_id": "2", "request_id": "2"}, SHORT, False, False),
        ({"context": {"app_version": "2", "class_id": "2"}}, SHORT, False, False),
        ({"attribution": {"campaign": "2"}, "retention_days": 2}, SHORT, False, False),
        ({"group_id": "annabel-4711"}, LONG, True, True),
        ({"context": {"page_url": "/u/annabel-4711?x"}}, LONG, True, True),
        # What producers name: a short id there may be another person's number.
        ({"properties": {"rival": "2"}}, SHORT, False, True),
        ({"properties": {"deep": [{"2": 1}]}}, SHORT, False, True),
        ({"context": {"extra": {"rival": 2.0}}}, SHORT, False, True),
        ({"properties": {"moves": 2}}, SHORT, False, False),
        ({"properties": {"moves": "2"}}, SHORT, False, True),
        ({"properties": {"moves": [{"moves": 2}], "a": {"moves": 3}}}, SHORT, False, True),
        ({"properties": {"a": {"moves": 2}}}, SHORT, False, True),
        ({"properties": {"rival": "annabel-4711"}}, LONG, True, True),
        ({"properties": {"rival": 471147114711}}, NUMBER, True, True),
        ({"properties": {"moves": 471147114711}}, NUMBER, False, False),
        # Of another person, or of a stand-in.
        ({"subject_id": "b", "properties": {"rival": "annabel-4711"}}, LONG, False, True),
        ({"anonymous_id": "cd" * 16, "properties": {"rival": "annabel-4711"}}, LONG, False, True),
    ],
)
def test_who_is_meant(event: dict[str, Any], people: PersonIds, about: bool, named: bool) -> None:
    assert is_about(event, people, CATALOG) == about
    assert names(event, people, CATALOG) == named


@pytest.mark.parametrize("before", ["", "u", "id"])
def test_what_its_sender_has_encoded_is_named_and_has_a_trace(before: str) -> None:
    person = "annabel/4711>?"
    people = PersonIds((person,))
    encoded = base64.b64encode((before + person).encode()).decode()
    for text in (encoded, quote(f"/{before}{person}", safe="")):
        event = {"subject_id": "b", "context": {"page_url": text}, "properties": {"n": 1}}
        assert names(event, people, CATALOG)
        # Some writers of JSON escape the `/`.
        for written in (json.dumps(event), json.dumps(event).replace("/", r"\/")):
            assert any(trace in written.encode() for trace in traces([person]))
            assert stands_in(written.encode(), SubjectRef("chess", person, ()))


def test_what_is_nested_deeper_than_python_goes_is_searched() -> None:
    deep: Any = "2"
    for _ in range(100_000):
        deep = [deep]
    assert names({"properties": {"a": deep}}, SHORT, CATALOG)
    assert not names({"properties": {"a": deep}}, LONG, CATALOG)
