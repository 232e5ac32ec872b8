"""JSON objects as CSV: read back by Python's own reader, and compared with what went in."""

import csv
import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.privacy.exports.csv_lines import csv_lines, members_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)


def read_back(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_text_that_a_spreadsheet_takes_for_a_formula_gets_a_quote_in_front(start: str) -> None:
    row = json.dumps({"name": f"{start}HYPERLINK(1)", "amount": -5})
    assert read_back("".join(csv_lines([row], ["name", "amount"]))) == [
        ["name", "amount"],
        [f"'{start}HYPERLINK(1)", "-5"],
    ]


def test_names_of_columns_are_neutralized_too() -> None:
    assert read_back("".join(csv_lines([], ["=1+1"]))) == [["'=1+1"]]


def test_numbers_keep_every_digit_and_objects_are_their_json() -> None:
    row = '{"n": 12345678901234567890123.10, "o": {"a": [1, 2.50]}, "t": true, "z": null}'
    assert members_of(row) == {
        "n": "12345678901234567890123.10",
        "o": '{"a": [1, 2.50]}',
        "t": "true",
        "z": None,
    }


def test_rows_with_different_members_share_the_columns() -> None:
    rows = ['{"a": 1}', '{"b": "x,\\n\\"y\\""}']
    assert read_back("".join(csv_lines(rows, ["a", "b"]))) == [
        ["a", "b"],
        ["1", ""],
        ["", 'x,\n"y"'],
    ]


@given(st.dictionaries(TEXTS, TEXTS | VALUES | st.lists(TEXTS | VALUES), max_size=6))
def test_members_are_those_of_the_object(plain: dict[str, object]) -> None:
    members = members_of(json.dumps(plain))
    assert list(members) == list(plain)
    for name, value in plain.items():
        cell = members[name]
        if isinstance(value, str):
            assert cell in (value, f"'{value}")
        else:
            assert cell == (None if value is None else json.dumps(value))


@pytest.mark.parametrize("text", ["[]", '"a"', "5", '{"a" 1}'])
def test_what_is_no_object_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        members_of(text)
