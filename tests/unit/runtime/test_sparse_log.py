"""A warning that a caller can cause at will."""

from structlog.testing import capture_logs

from libs.runtime.sparse_log import SparseWarning


def test_one_line_a_minute_says_how_many_there_were() -> None:
    now = [100.0]
    warning = SparseWarning("refused", monotonic=lambda: now[0])
    with capture_logs() as lines:
        for now[0] in (100.0, 100.1, 159.9, 160.0, 160.1, 500.0):
            warning.note(method="m")
    # At 100, at 160 (that one and two before it), and at 500 (that one and one before it).
    assert [line["since_last_line"] for line in lines] == [1, 3, 2]
    assert {line["event"] for line in lines} == {"refused"}
