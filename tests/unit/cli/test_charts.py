"""Sparklines and heat maps, as a person would draw them."""

import pytest

from cli.charts import heat_style, sparkline
from cli.number_tables import cohort_columns
from cli.sparkline_table import sparkline_table
from cli.tables import print_columns


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([1, 2, 3, 4, 5, 6, 7, 8], "▂▃▄▅▆▇██"),
        ([0, 100], "▁█"),
        ([0.0, None, 3.5, 7.0], "▁·▅█"),
        ([5, 5], "██"),
        ([0, 0], "▁▁"),
        ([None], "·"),
        ([-4, 0, 4], "▁▅█"),
        ([-1], "▁"),
    ],
)
def test_a_block_for_each_value(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


def test_more_is_darker() -> None:
    # Each eighth has its colour, and the last one includes its end.
    styles = [heat_style(value, 40) for value in (0, 5.1, 10.1, 15.1, 20.1, 25.1, 30.1, 35.1)]
    assert len(set(styles)) == 8
    assert heat_style(4.9, 40) == styles[0]
    assert heat_style(40, 40) == styles[-1]
    assert heat_style(0, 0) == styles[0]


# The weeks of 2 and 9 March; of ten people one came back, of four three.
TRIANGLE = [
    {"start": "2026-03-02", "size": 10, "active": [10, 1], "completeness": ["final", "final"]},
    {"start": "2026-03-09", "size": 4, "active": [4, 3], "completeness": ["final", "final"]},
]


def test_a_terminal_shows_the_triangle_in_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    columns = cohort_columns(TRIANGLE, "week", percent=True)
    print_columns(columns, as_csv=False, at_least=2)
    output = capsys.readouterr().out
    # 75 % is the highest, and 10 % is in the second eighth of it.
    assert "48;5;18m75.0" in output
    assert "48;5;153m10.0" in output
    monkeypatch.setenv("NO_COLOR", "1")
    print_columns(columns, as_csv=False, at_least=2)
    assert "48;5" not in capsys.readouterr().out


def cell(
    start: str, guild: str | None, players: float, completeness: str = "final"
) -> dict[str, object]:
    return {
        "bucket_start": start,
        "dimensions": {"guild": guild},
        "metrics": {"players": players},
        "completeness": completeness,
    }


def test_sparklines_have_a_character_for_each_bucket() -> None:
    table = sparkline_table(
        [
            cell("2025-12-01T00:00:00Z", "g1", 8),
            cell("2026-03-01T00:00:00Z", "g1", 4),
            cell("2026-02-01T00:00:00Z", None, 1.5),
        ],
        "month",
    )
    assert [(column.title, list(column.cells)) for column in table.columns] == [
        ("guild", ["g1", "-"]),
        # January has no cell, and February only the other row's.
        ("players", ["█··▅", "··█·"]),
        ("last", ["4", "·"]),
    ]
    assert (table.first, table.last) == ("2025-12-01T00:00:00Z", "2026-03-01T00:00:00Z")
    assert (table.shown, table.left_out) == (4, 0)
    assert (table.is_marked, table.has_gaps) == (False, True)


def test_the_last_bucket_is_marked_while_it_is_provisional() -> None:
    march = [
        cell("2026-03-01T00:00:00Z", "g1", 8),
        cell("2026-03-02T00:00:00Z", "g1", 3, "provisional"),
        cell("2026-03-03T00:00:00Z", "g1", 4, "provisional"),
    ]
    table = sparkline_table(march, "day")
    assert [list(column.cells) for column in table.columns] == [["g1"], ["█▄▅"], ["*4"]]
    assert (table.is_marked, table.also_provisional, table.has_gaps) == (True, 1, False)
    # The other guild's last value is not one of the last day.
    table = sparkline_table([*march, cell("2026-03-01T00:00:00Z", "g2", 5)], "day")
    assert table.columns[-1].cells == ["*4", "*·"]
    # An older bucket that is provisional, as a recount makes one, does not concern the last one.
    table = sparkline_table([march[1], cell("2026-03-03T00:00:00Z", "g1", 4)], "day")
    assert (table.columns[-1].cells, table.is_marked) == (["4"], False)


def test_older_buckets_are_left_out() -> None:
    # 61 days; the guild of the first one has no row then.
    table = sparkline_table(
        [cell("2026-01-01T00:00:00Z", "g1", 8), cell("2026-03-02T00:00:00Z", "g2", 4)], "day"
    )
    assert (table.shown, table.left_out, table.first) == (60, 1, "2026-01-02T00:00:00Z")
    assert table.columns[0].cells == ["g2"]
