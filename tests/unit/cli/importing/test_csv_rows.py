"""CSV, read strictly: whatever is wrong with a row, the rows around it are read."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.event_files import MAX_ROW_LENGTH
from cli.importing.csv_rows import (
    MAX_ROW_LINES,
    CsvHeaderError,
    CsvRows,
    parse_delimiter,
    parse_quote,
)


def _rows(text: str, **options: str) -> CsvRows:
    return CsvRows(text.splitlines(keepends=True), **options)


def _values(rows: CsvRows) -> list[list[str]]:
    return [list(row.document.values()) for row in rows if row.document is not None]


@pytest.mark.parametrize(
    "stray", ['"p1500,2024-04-03,x', 'p15"00,2024-04-03,x', 'p1500,2024-04-03,"x']
)
@pytest.mark.parametrize(
    "others", ["p{},2024-04-03,x", 'p{},2024-04-03,"said ""hi"", twice"', '"p{}","2024-04-03",""']
)
def test_a_stray_quote_costs_the_row_that_has_it_and_no_other(stray: str, others: str) -> None:
    lines = [others.format(number) for number in range(1, 4_001)]
    lines[1_499] = stray
    rows = list(CsvRows(f"{line}\n" for line in ["who,when,what", *lines]))
    assert len(rows) == 4_000
    [problem] = [row for row in rows if row.document is None]
    # The header is line 1.
    assert problem.number == 1_501
    people = [row.document["who"] for row in rows if row.document]
    assert people == [f"p{number}" for number in range(1, 4_001) if number != 1_500]


def test_quoted_fields_may_hold_quotes_delimiters_and_lines() -> None:
    rows = list(_rows('id,text,n\r\n1,"a, ""b""\r\n\r\nc",5\r\n2,"",6\r\n\r\n"3",d,7'))
    assert [(row.number, row.lines, row.document) for row in rows] == [
        (2, 3, {"id": "1", "text": 'a, "b"\r\n\r\nc', "n": "5"}),
        (5, 1, {"id": "2", "text": "", "n": "6"}),
        (7, 1, {"id": "3", "text": "d", "n": "7"}),
    ]


def test_two_stray_quotes_do_not_swallow_the_rows_between_them() -> None:
    rows = list(_rows('a,b,c\n1,2,"great\n3,4,x\n5,6,y"\n7,8,z\n'))
    assert [(row.number, row.document and row.document["a"]) for row in rows] == [
        (2, None),
        (3, "3"),
        (4, None),
        (5, "7"),
    ]


@pytest.mark.parametrize("between", ["a,b", "a,b,c,d", "a", "", 'a,"b, b",c'])
def test_two_stray_quotes_are_found_whatever_stands_between_them(between: str) -> None:
    lines = [f"n{number},2024-04-03,x" for number in range(1, 41)]
    lines[4], lines[14], lines[24] = '"n5,2024-04-03,x', between, 'n25",2024-04-03,x'
    rows = list(CsvRows(f"{line}\n" for line in ["who,when,what", *lines]))
    people = [row.document["who"] for row in rows if row.document]
    others = [f"n{number}" for number in range(1, 41) if number not in (5, 15, 25)]
    # The last of the lines between is a correct row of its own.
    assert [who for who in people if who != "a"] == others
    listed = {row.number for row in rows if row.document is None}
    # The header is line 1.
    assert {6, 26} <= listed <= {6, 16, 26}


def test_most_lines_decide_if_the_first_or_last_of_them_has_another_number_of_fields() -> None:
    text = 'a,b,c\n"1,x\n3,4,y\n5,6,y\n7",8,z\n9,10,z\n'
    rows = list(_rows(text))
    assert [row.document and row.document["a"] for row in rows] == [None, "3", "5", None, "9"]
    assert "look like rows" in rows[0].problem


def test_texts_of_several_lines_are_read_in_files_with_three_columns() -> None:
    texts = [
        "Main St 5\nBerlin",
        "Dear all,\n\nthank you, and bye\nA, B, C",
        "{\n 1,\n 2\n}",
        "x\n\n",
    ]
    written = "".join(f'1,"{text}",x\n1,2,"{text}"\n"{text}",2,x\n' for text in texts)
    rows = list(_rows(f"a,b,c\n{written}"))
    assert [row.problem for row in rows] == [""] * 12


@pytest.mark.parametrize(
    ("text", "listed"),
    [('a\n1\n"2\n3\n4"\n5\n', [3, 5]), ('a,b\n1,x\n"2,x\n3,x\n4",x\n5,x\n', [3, 5])],
)
def test_in_files_with_one_or_two_columns_no_row_takes_several_lines(
    text: str, listed: list[int]
) -> None:
    rows = list(_rows(text))
    assert [row.number for row in rows if row.document is None] == listed
    assert [row.document["a"] for row in rows if row.document] == ["1", "3", "5"]
    assert "fewer than 3 columns" in rows[1].problem
    assert "--quote '\"'" in rows[1].problem
    assert [row.lines for row in _rows(text, quote='"')] == [1, 3, 1]


def test_a_stray_quote_in_the_header_takes_no_rows() -> None:
    text = 'a,b,"c\n1,2,x\n3,4,y"\n'
    with pytest.raises(CsvHeaderError, match=r"line 1.*look like rows"):
        _rows(text)
    assert _rows('name,"price\nin euros",day\n').columns == ["name", "price\nin euros", "day"]


def test_quotes_that_the_user_trusts_may_span_anything() -> None:
    address = 'id,address,day\n1,"Main St 5, Berlin\nGermany, EU",2024-04-03\n'
    assert [row.problem[:14] for row in _rows(address)] == ["a quoted field", "a stray quote:"]
    [row] = _rows(address, quote='"')
    assert row.document == {
        "id": "1",
        "address": "Main St 5, Berlin\nGermany, EU",
        "day": "2024-04-03",
    }
    long = "x\n" * 1_000
    assert [row.lines for row in _rows(f'a,b\n1,"{long}"\n2,y\n', quote='"')] == [1_001, 1]
    # A quote that does not end costs its row all the same.
    assert [row.problem == "" for row in _rows('a,b\n1,"x\n2,y\n', quote='"')] == [False, True]


def test_a_row_of_several_lines_with_another_number_of_fields_is_skipped_alone() -> None:
    rows = list(_rows('a,b,c\n"1,2,3\nx",5\n7,8,9\n'))
    assert [(row.number, row.document is None) for row in rows] == [
        (2, True),
        (3, True),
        (4, False),
    ]
    assert rows[0].problem == "has 2 fields, the header has 3"


def test_a_quoted_field_is_looked_for_only_so_far() -> None:
    longest = "x\n" * (MAX_ROW_LINES - 1)
    fits = list(_rows(f'a,b,c\n1,"{longest}",z\n2,y,z\n'))
    assert [(row.number, row.lines) for row in fits] == [(2, MAX_ROW_LINES), (2 + MAX_ROW_LINES, 1)]
    too_long = list(_rows(f'a,b,c\n1,"x\n{longest}",z\n2,y,z\n'))
    assert "does not end within 100 lines" in too_long[0].problem
    assert "--quote" in too_long[0].problem
    assert too_long[-1].document == {"a": "2", "b": "y", "c": "z"}


def test_a_line_that_was_too_long_is_a_problem_of_its_own() -> None:
    lines = ["a,b\n", None, '1,"x\n', None, "2,y\n"]
    rows = list(CsvRows(lines))
    assert [row.number for row in rows if row.document is None] == [2, 3, 4]
    assert rows[-1].document == {"a": "2", "b": "y"}
    many = [f"{'x' * (MAX_ROW_LENGTH // 4)}\n"] * 5
    rows = list(CsvRows(["a,b\n", '1,"', *many, '"\n']))
    assert "longer than" in rows[0].problem


def test_a_carriage_return_alone_ends_no_line() -> None:
    rows = list(CsvRows(["a,b\n", "1,x\ry\n", "2,z\r\n"]))
    assert [row.document for row in rows] == [None, {"a": "2", "b": "z"}]
    assert "carriage return" in rows[0].problem
    with pytest.raises(CsvHeaderError, match=r"line 1.*carriage return.*LF or CRLF"):
        CsvRows(["a\rb,c\n", "1,2\n"])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "empty"),
        (["\n", "\r\n"], "empty"),
        (['a,"b\n', "1,2\n"], r"header \(line 1\).*not end"),
    ],
)
def test_a_header_that_cannot_be_used_is_an_error(lines: list[str], message: str) -> None:
    with pytest.raises(CsvHeaderError, match=message):
        CsvRows(lines)


def test_the_delimiter_is_the_header_s_and_an_option_wins() -> None:
    assert _rows('a;"b,c,d,e";f\n').columns == ["a", "b,c,d,e", "f"]
    assert _rows("a|b\n").columns == ["a", "b"]
    assert _rows("a;b,c\n", delimiter=",").columns == ["a;b", "c"]
    assert parse_delimiter("tab") == parse_delimiter("\\t") == "\t"
    for wrong in ("", ";;", "\n"):
        with pytest.raises(ValueError, match="--delimiter"):
            parse_delimiter(wrong)


def test_quotes_may_mean_nothing_or_be_another_character() -> None:
    assert _values(_rows('a,b\n"1,5" disk\n', quote=parse_quote("none"))) == [['"1', '5" disk']]
    assert _values(_rows("a,b\n'1,2',\"\n", quote=parse_quote("'"))) == [["1,2", '"']]
    with pytest.raises(ValueError, match="--quote"):
        parse_quote("quotes")


# No carriage returns, because Python's writer leaves them without quotes.
_TABLES = st.lists(
    st.tuples(*[st.text("ab,;\"'\n\t|é \x00", max_size=12)] * 2), min_size=1, max_size=20
)


@given(_TABLES, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_a_csv_writer_writes_is_read_as_it_was(
    table: list[tuple[str, str]], delimiter: str, end: str, every: bool
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(
        written,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL,
    )
    writer.writerows([("one", "two"), *table])
    lines = [f"{line}\n" for line in written.getvalue().split("\n")]
    rows = CsvRows(lines, delimiter=delimiter, quote='"')
    assert _values(rows) == [list(row) for row in table]


@given(st.lists(st.text('ab",\n\r', max_size=20), max_size=12))
def test_every_line_is_accounted_for(lines: list[str]) -> None:
    text = "a,b\n" + "".join(f"{line}\n" for line in lines)
    physical = text.split("\n")[:-1]
    rows = list(CsvRows(f"{line}\n" for line in physical))
    taken = [row.number + ahead for row in rows for ahead in range(row.lines)]
    blank = {n for n, line in enumerate(physical, start=1) if not line.removesuffix("\r")}
    assert sorted(taken) == taken
    assert set(range(2, len(physical) + 1)) - set(taken) <= blank
