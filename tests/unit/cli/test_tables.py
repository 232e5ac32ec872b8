"""What tables show in a narrow terminal, and what CSV has of the same columns."""

import pytest

from cli.tables import Column, csv_text, print_columns

ID = "0190a5d8-ac96-774b-bcce-b302099a8057"
ROWS = [
    Column("name", "name", ["view"]),
    Column("event", "event_id", [ID], is_id=True),
    Column("people", "people", ["*12"], is_number=True, in_csv=["12"]),
    Column("value", "value", [None]),
    Column("completeness", "completeness", ["provisional"], only_in_csv=True),
]


def titles(output: str) -> list[str]:
    return [title.strip() for title in output.splitlines()[1].strip("┃").split("┃")]


def test_an_id_is_whole_or_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of 80 columns, name takes 7, the id 39, people 9 and value 8, and the first border 1.
    monkeypatch.setenv("COLUMNS", "64")
    print_columns(ROWS, as_csv=False, at_least=1)
    shown = capsys.readouterr()
    assert (titles(shown.out), shown.err) == (["name", "event", "people", "value"], "")
    assert ID in shown.out
    monkeypatch.setenv("COLUMNS", "63")
    print_columns(ROWS, as_csv=False, at_least=1)
    shown = capsys.readouterr()
    assert titles(shown.out) == ["name", "event", "people"]
    assert shown.err == "1 column does not fit: value; --json and --csv have all\n"
    # What comes after an id that does not fit is shown.
    monkeypatch.setenv("COLUMNS", "46")
    print_columns(ROWS, as_csv=False, at_least=1)
    shown = capsys.readouterr()
    assert titles(shown.out) == ["name", "people", "value"]
    assert [cell.strip() for cell in shown.out.splitlines()[3].split("│")] == (
        ["", "view", "*12", "-", ""]
    )
    assert shown.err == "1 column does not fit: event; --json and --csv have all\n"


def test_a_terminal_is_given_no_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = "a\x1b[2J\x1b]0;title\x07\r\x9b1m\tb\nc"
    print_columns([Column("name", "name", [text])], as_csv=False, at_least=1)
    rows = capsys.readouterr().out.splitlines()[3:5]
    assert [row.strip("│ ") for row in rows] == [
        r"a\x1b[2J\x1b]0;title\x07\r\x9b1m\tb",
        "c",
    ]


def test_csv_has_all_columns_without_marks(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(ROWS, as_csv=True, at_least=1)
    assert capsys.readouterr().out == (
        f"name,event_id,people,value,completeness\nview,{ID},12,,provisional\n"
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_text_is_no_formula_and_a_number_stays(text: str) -> None:
    columns = [Column("a", "a", [text]), Column("b", "b", ["-1"], is_number=True)]
    assert csv_text(columns).replace('"', "") == f"a,b\n'{text},-1\n"
