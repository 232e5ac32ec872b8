"""What of a filter an index can find: names, and the values of columns that have one."""

import uuid

import pytest

from libs.events.filtering import parse_filter
from libs.events.filtering.reach import Key, key_of, names_of, possible_names

NAMES = ["post.created", "post.liked", "user.left"]
ID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", NAMES),
        ("name = post.liked", ["post.liked"]),
        ("name = post.*", ["post.created", "post.liked"]),
        ("name = *.l*", ["post.liked", "user.left"]),
        ("name:*", NAMES),
        ("name = *o*t*a*", ["post.created"]),
        ("name = post.*d", ["post.created", "post.liked"]),
        # Each piece has its own place.
        ("name = post.created*d", []),
        ("name = *ed*d", []),
        ("name = user*left*", ["user.left"]),
        ("name != post.liked", ["post.created", "user.left"]),
        ("NOT name = post.*", ["user.left"]),
        ("name = post.liked OR name = user.left", ["post.liked", "user.left"]),
        # The name decides nothing if the other condition may hold.
        ("name = post.liked OR country = DE", NAMES),
        ("name = post.liked AND country = DE", ["post.liked"]),
        ("NOT (name = post.liked AND country = DE)", NAMES),
        ("NOT (name = post.liked OR country = DE)", ["post.created", "user.left"]),
        ("name = post.liked name = user.left", []),
        ("name = nothing", []),
        ("name = post.li%", []),
        # Rare, and decided by the database.
        ("name = null", NAMES),
        ("name > post.created", NAMES),
    ],
)
def test_names_that_a_filter_can_find(text: str, names: list[str]) -> None:
    assert possible_names(parse_filter(text), NAMES) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", None),
        ("name = a", {"a"}),
        ("name = a OR name = b", {"a", "b"}),
        ("name = a OR country = DE", None),
        ("name = a AND country = DE", {"a"}),
        ("(name = a OR name = b) AND name = b", {"b"}),
        ("name = a*", None),
        ("NOT name = a", None),
        ("name != a", None),
        ("name = null", None),
    ],
)
def test_names_that_a_filter_says(text: str, names: set[str] | None) -> None:
    assert names_of(parse_filter(text)) == names


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", None),
        ("subject_id = ann", Key("subject_id", "ann")),
        ("subject = ann AND name = x", Key("subject_id", "ann")),
        ("name = x AND (group_id = 5 AND country = DE)", Key("group_id", "5")),
        ("group_id = g subject_id = ann", Key("subject_id", "ann")),
        (f"event_uuid = {ID.upper()}", Key("event_uuid", uuid.UUID(ID))),
        (f"event_id = {ID}", Key("event_uuid", uuid.UUID(ID))),
        ("subject_id = ann OR name = x", None),
        ("NOT subject_id = ann", None),
        ("subject_id != ann", None),
        ("subject_id = null", None),
        ("subject_id = a*", None),
        ("session_id = s", None),
        ("properties.subject_id = ann", None),
    ],
)
def test_values_that_an_index_has(text: str, key: Key | None) -> None:
    assert key_of(parse_filter(text)) == key


def test_many_wildcards_take_no_longer_than_the_name() -> None:
    """With a regular expression, this would not end within the time of a test."""
    text = "name = " + "*a" * 40 + "*z"
    assert possible_names(parse_filter(text), ["a" * 200, "a" * 200 + "z"]) == ["a" * 200 + "z"]
