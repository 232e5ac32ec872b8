"""What the summary of a file says beyond the verdicts."""

from cli.event_files import Row
from cli.report import DeliveryReport

ABSENT = "no line has `who.id`, `x`: columns are the outermost names of a line"


def test_columns_that_no_line_has_are_named() -> None:
    report = DeliveryReport(absent_columns=["who.id", "x"])
    assert ABSENT not in report.notes([])
    report.add_row(Row(1, b"{}", {}))
    assert ABSENT in report.notes([])
    assert len(DeliveryReport(rows=1).notes([])) == 1
