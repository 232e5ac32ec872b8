"""What filters find among stored events: each case was worked out by hand."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from libs.events import COLUMNS
from libs.events.filtering import FilterError, compile_filter, parse_filter
from libs.events.filtering.fields import FIELDS
from libs.stores.postgres import create_engine
from tests.support.databases import Databases
from tests.support.stored_events import row, store

UUID = "550e8400-e29b-41d4-a716-446655440000"
EVENTS = [
    row(
        "post.created",
        "2026-04-27T10:00:00",
        "a",
        subject_id="ann",
        group_id="5",
        country="DE",
        producer="api",
        entity_type="post",
        entity_id="p1",
        schema_version="1.0.0",
        context={"platform": "web", "extra": {"beta": True}},
        attribution={"source": "mail"},
        privacy_level="pii",
        consent_given=True,
        properties={"n": 5, "kind": "text", "tags": ["x", "y", 3], "ok": True, "o": {"k": 1}},
    ),
    row(
        "post.liked",
        "2026-04-27T11:00:00.5",
        "b",
        subject_id="bob",
        country="FR",
        consent_given=False,
        properties={"n": "5", "kind": "100%", "tags": [], "ok": False, "none": None},
    ),
    row(
        "post_it",
        "2026-04-28T00:00:00",
        "c",
        anonymous_id="f" * 32,
        session_started_at="2026-04-27T23:59:00Z",
        properties={"n": 10.5, "kind": "a_b", "tags": "x", "odd key": 1, "when": "2026-05-01"},
    ),
    row(
        "user.left",
        "2026-04-29T00:00:00",
        None,
        event_uuid=UUID,
        group_id="guild",
        properties={"n": -2, "kind": "'; DROP TABLE enrich.events; --", "big": 9007199254740993},
    ),
]


@pytest.fixture(scope="module")
def stored(databases: Databases) -> Iterator[str]:
    url = databases.create()
    store(url, EVENTS)
    yield url
    databases.drop(url)


async def found(url: str, written: str) -> str:
    """The ids of the events that a filter finds, in one word; `d` is the one without an id of its own."""
    engine = create_engine(url, service="test", read_only=True)
    condition = compile_filter(parse_filter(written))
    statement = (
        f"SELECT coalesce(event_id, 'd') FROM enrich.events WHERE {condition.sql} ORDER BY 1"
    )
    async with engine.connect() as connection:
        rows = await connection.execute(text(statement), condition.parameters)
        ids = "".join(rows.scalars())
    await engine.dispose()
    return ids


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("", "abcd"),
        ("name = post.created", "a"),
        ("name != post.created", "bcd"),
        ('name = "post*"', "abc"),
        # Neither `_` nor `.` is any character.
        ("name = post_*", "c"),
        ("name = post.*", "ab"),
        ("name = *e*", "abd"),
        ('name = "*"', "abcd"),
        ('name = "post.\\*"', ""),
        ("name = post.created OR name = user.left", "ad"),
        ("name = post.* country = DE", "a"),
        ("NOT name = post.*", "cd"),
        ("-name = post.*", "cd"),
        ("name < post.l", "a"),
        ("name >= post_it", "cd"),
        # Without a value: not equal to any, and so different from each.
        ("country = DE", "a"),
        ("country != DE", "bcd"),
        ("NOT country = DE", "bcd"),
        ("country:* country != DE", "b"),
        ("country = null", "cd"),
        ("country != null", "ab"),
        ("NOT country:*", "cd"),
        ('country = "null"', ""),
        ("country:FR", "b"),
        ("country < EE", "a"),
        ("privacy_level = pii", "a"),
        ("consent_given = true", "a"),
        ("consent_given = false", "b"),
        ("consent_given = null", "cd"),
        ("ip_anonymized = true", "abcd"),
        ("NOT country < EE", "bcd"),
        ("producer = api", "a"),
        ("producer = null", "bcd"),
        ("schema_version = 1.0.0", "a"),
        ("schema_version:*", "a"),
        # What looks like a number is a text in a text column.
        ("group_id = 5", "a"),
        ('group_id = "5"', "a"),
        ("group_id = 5.0", ""),
        ("subject_id = ann", "a"),
        ("subject = ann", "a"),
        ("anonymous_id:*", "c"),
        ("entity_type = post entity.id = p1", "a"),
        ("event_id = a", "a"),
        (f"event_id = {UUID}", "d"),
        (f"event_uuid = {UUID}", "d"),
        (f"event_uuid != {UUID}", "abc"),
        ("occurred_at = 2026-04-27T10:00:00Z", "a"),
        ('occurred_at = "2026-04-27T12:00:00+02:00"', "a"),
        ("occurred_at >= 2026-04-28", "cd"),
        ("occurred_at < 2026-04-27T11:00:00.5Z", "a"),
        ("occurred_at <= 2026-04-27T11:00:00.5", "ab"),
        ("session_started_at = null", "abd"),
        ("session_started_at > 2026-04-27", "c"),
        # The number 5 is not the text "5".
        ("properties.n = 5", "a"),
        ("properties.n = 5.0", "a"),
        ("properties.n = 0.5e1", "a"),
        ('properties.n = "5"', "b"),
        ("properties.n != 5", "bcd"),
        ("properties.n > 4", "ac"),
        ("properties.n <= 5", "ad"),
        ("properties.n < -1", "d"),
        ('properties.n >= "4"', "b"),
        ("NOT properties.n > 4", "bd"),
        ("properties.big = 9007199254740993", "d"),
        ("properties.big = 9007199254740992", ""),
        ("properties.kind = text", "a"),
        ('properties.kind = "a*"', "c"),
        ('properties.kind = "100%"', "b"),
        ('properties.kind = "100*"', "b"),
        ('properties.kind = "a_b"', "c"),
        ("properties.n = 1*", ""),
        ("properties.ok = true", "a"),
        ("properties.ok = false", "b"),
        ('properties.ok = "true"', ""),
        ("properties.ok:*", "ab"),
        ("properties.none = null", "abcd"),
        ("properties.none:*", ""),
        ("properties.tags:x", "ac"),
        ("properties.tags:3", "a"),
        ('properties.tags:"3"', ""),
        ("properties.tags = x", "c"),
        ("properties.tags:*", "abc"),
        ("properties.o.k = 1", "a"),
        ("properties.o:k", "a"),
        ("properties.o:j", ""),
        ('properties."odd key" = 1', "c"),
        ('properties.when > "2026-04-30"', "c"),
        ("context.platform = web", "a"),
        ("context.platform != web", "bcd"),
        ("context.extra.beta = true", "a"),
        ("attribution.source = mail", "a"),
        # What the promises call hostile: it is a value, and finds what has it.
        ('properties.kind = "\'; DROP TABLE enrich.events; --"', "d"),
        ("name = \"' OR '1'='1\"", ""),
        ('name = ":f0 %(f0)s %s"', ""),
        ('properties."n\') = 1 --" = 1', ""),
        ('properties."{n}" = 5', ""),
        ('properties."n,o".":x" = 5', ""),
    ],
)
async def test_a_filter_finds(stored: str, written: str, ids: str) -> None:
    assert await found(stored, written) == ids


@pytest.mark.parametrize(
    ("written", "message", "position"),
    [
        ("country = DE nam = x", "`nam` is no field of an event; did you mean `name`?", 13),
        ("properties = 1", "`properties` is an object: name a value in it", 0),
        ("country.x = 1", "`country.x` is no field of an event", 0),
        ("app_id = arena", "`app_id` is no field of an event", 0),
        ("event_uuid = 5", "expected a UUID", 13),
        (f"event_uuid > {UUID}", "ids cannot be compared by >", 13),
        ("occurred_at > yesterday", "expected a time as in 2026-04-27T10:00:00Z, or a date", 14),
        ('occurred_at > "2026-13-01"', "expected a time", 14),
        ("occurred_at = 2026*", "expected a time", 14),
        ("occurred_at > 0001-01-01T00:00:00+23:00", "expected a time", 14),
        ("properties.n > abc", "expected a number after >, or a text in quotes", 15),
        ("properties.n > true", "expected a number after >", 15),
        ("properties.n > null", "null cannot be compared by >", 15),
        ("properties.n < 1*", "`*` cannot be compared by <", 15),
        ("properties.n > 1e9999", "expected a number", 15),
        ('name = "a\x00b"', "must not contain U+0000", 0),
        ('properties."\x00" = 1', "must not contain U+0000", 0),
    ],
)
def test_a_filter_that_cannot_be_asked_says_why(written: str, message: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(parse_filter(written))
    assert caught.value.message.startswith(message)
    assert caught.value.position == position


def test_all_published_columns_are_fields() -> None:
    others = {"subject", "entity.type", "entity.id"}
    assert set(FIELDS) == {column.name for column in COLUMNS} - {"app_id"} | others


def test_no_word_of_the_caller_is_in_the_statement() -> None:
    written = "name = zzz OR NOT (properties.zzz:zzz OR context.zzz > 42424242) group_id = zzz*"
    condition = compile_filter(parse_filter(written), "mine")
    assert "zzz" not in condition.sql
    assert "4242" not in condition.sql
    assert all(
        name.startswith("mine") and f":{name}" in condition.sql for name in condition.parameters
    )
