"""Filters as text: what they mean, and what is wrong with those that mean nothing."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events.filtering import FilterError, Node, parse_filter
from libs.events.filtering.syntax import (
    KEYWORDS,
    PLAIN_TEXT,
    And,
    Comparator,
    Not,
    Or,
    Restriction,
    Value,
)


def shown(text: str) -> str:
    return str(parse_filter(text))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("name=a", "name = a"),
        ("a = 1 b = 2", "a = 1 AND b = 2"),
        # OR binds tighter than AND and than nothing.
        ("a = 1 AND b = 2 OR c = 3", "a = 1 AND (b = 2 OR c = 3)"),
        ("a = 1 OR b = 2 AND c = 3", "(a = 1 OR b = 2) AND c = 3"),
        ("a = 1 b = 2 OR c = 3 d = 4", "a = 1 AND (b = 2 OR c = 3) AND d = 4"),
        ("(a = 1 AND b = 2) OR c = 3", "(a = 1 AND b = 2) OR c = 3"),
        ("NOT a = 1 OR b = 2", "NOT a = 1 OR b = 2"),
        ("-a = 1", "NOT a = 1"),
        ("-(a = 1 OR b = 2)", "NOT (a = 1 OR b = 2)"),
        ("NOT NOT a = 1", "NOT NOT a = 1"),
        ("((a = 1))", "a = 1"),
        ("a=-1.5e3", "a = -1.5e3"),
        ("a = post-1", "a = post-1"),
        ("a != 'it\\'s'", 'a != "it\'s"'),
        ('a = "say \\"x\\""', 'a = "say \\"x\\""'),
        ('a = "b\\\\c"', 'a = "b\\\\c"'),
        ("a = post_*", "a = post_*"),
        ('a = "*\\**"', 'a = "*\\**"'),
        ("a:*", "a : *"),
        ("a >= 2026-04-27T10:00:00.5+02:00", "a >= 2026-04-27T10:00:00.5+02:00"),
        ("(a < 2026-04-27T10:00Z)", "a < 2026-04-27T10:00Z"),
        ('properties."odd key".NOT = x', 'properties."odd key"."NOT" = x'),
        ("name = chess.com", "name = chess.com"),
        ("not = 1", "not = 1"),
        ("a = größer", "a = größer"),
        ("\ta\n=\n1 ", "a = 1"),
    ],
)
def test_a_filter_means(text: str, meaning: str) -> None:
    assert shown(text) == meaning


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_filter_has_no_condition(text: str) -> None:
    assert parse_filter(text) is None


def test_a_star_is_any_text_and_a_protected_one_a_star() -> None:
    parsed = parse_filter('a = "x*\\*"')
    assert isinstance(parsed, Restriction)
    assert parsed.value.pieces == ("x", "*")


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("a", "expected one of = != < <= > >= : after the field, found the end", 1),
        ('"just a text"', "expected one of = != < <= > >= : after the field, found the end", 13),
        ("a =", "expected a value after =, found the end", 3),
        ("a = AND b = 1", "expected a value after =, found `AND`", 4),
        ("= 1", "expected a field, found `=`", 0),
        ("a = 1 AND", "expected a field, found the end", 9),
        ("a = 1 OR AND b = 1", "expected a field, found `AND`", 9),
        ("OR a = 1", "expected a field, found `OR`", 0),
        ("(a = 1) OR", "expected a field, found the end", 10),
        ("()", "expected a field, found `)`", 1),
        ("a = 1)", "unexpected `)`", 5),
        ("b = 2 (a = 1", "a parenthesis that does not end", 6),
        ('a = "b', "a quote that does not end", 4),
        ("a = 'b\\'", "a quote that does not end", 4),
        ("a ! b", "`!` means nothing here: quote texts that have it", 2),
        ("a = b\\c", "`\\` means nothing here: quote texts that have it", 5),
        ("a = b, c", "expected a field, found `,`", 5),
        ("a = (b OR c)", "expected one value: write the field and the comparator before each", 4),
        ("a. = 1", "expected a name after `.`, found `=`", 2),
        ("a .b = 1", "expected one of = != < <= > >= : after the field, found `.`", 2),
        ("has(a) = 1", "there are no functions in filters", 3),
        ("a = - 1", "expected a value right after `-`", 6),
        ('a = -"1"', "a text has no sign: put it into the quotes", 4),
        ("NOT", "expected a field, found the end", 3),
        ("a == 1", "expected a value after =, found `=`", 3),
    ],
)
def test_a_filter_that_means_nothing_says_where(text: str, message: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert caught.value.message.startswith(message)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "x" * 4_093, "has more than 4096 characters"),
        (" ".join(["a = 1"] * 51), "has more than 50 conditions"),
        ("(" * 21 + "a = 1" + ")" * 21, "has more than 20 parentheses and negations"),
        ("-" * 4_000 + "a = 1", "has more than 20 parentheses and negations"),
        ("(" * 4_096, "has more than 20 parentheses and negations"),
    ],
)
def test_a_filter_has_limits(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        parse_filter(text)


def test_filters_at_the_limits_are_read() -> None:
    assert parse_filter("a = " + "x" * 4_092)
    assert parse_filter(" ".join(["a = 1"] * 50))
    assert parse_filter("(" * 20 + "a = 1" + ")" * 20)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.text(string.ascii_letters + string.digits + "_-é", min_size=1, max_size=6).filter(
    lambda text: PLAIN_TEXT.fullmatch(text) is not None and text not in KEYWORDS
)
VALUES = st.one_of(
    st.builds(Value, st.lists(ANY_TEXT, min_size=1, max_size=3).map(tuple), st.just(True)),
    st.builds(Value, PLAIN.map(lambda text: (text,)), st.just(False)),
    st.builds(
        Value, st.decimals(-(10**9), 10**9, places=2).map(lambda n: (f"{n}",)), st.just(False)
    ),
)
RESTRICTIONS = st.builds(
    Restriction,
    st.lists(st.one_of(PLAIN, ANY_TEXT), min_size=1, max_size=3).map(tuple),
    st.sampled_from(list(Comparator)),
    VALUES,
)


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Trees of several conditions; never a conjunction right inside of another: they are one when read."""
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, parts), st.builds(Or, parts))


TREES: st.SearchStrategy[Node] = st.recursive(RESTRICTIONS, larger, max_leaves=6)


def bare(node: Node) -> Node:
    """The tree without the places in its text."""
    match node:
        case Not(inner):
            return Not(bare(inner))
        case And(parts):
            return And(tuple(map(bare, parts)))
        case Or(parts):
            return Or(tuple(map(bare, parts)))
        case Restriction(path, comparator, value):
            return Restriction(path, comparator, Value(value.pieces, value.quoted))


@given(TREES)
def test_every_tree_can_be_written_and_read(tree: Node) -> None:
    read = parse_filter(str(tree))
    assert read is not None
    assert bare(read) == tree


WORDS = ("a", "=", "1", "(", ")", "AND", "OR", "NOT", "-", '"x"', ".", ":", "*", "<=")


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS)).map(" ".join)))
def test_no_text_breaks_the_parser(text: str) -> None:
    place = 0
    again: Node | None = None
    try:
        node = parse_filter(text)
        again = parse_filter(str(node)) if node is not None else None
    except FilterError as error:
        node, place = None, error.position
    assert 0 <= place <= len(text)
    assert (node and bare(node)) == (again and bare(again))
