"""The time that the options of commands say."""

from datetime import UTC, datetime, timedelta

import pytest
import typer
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from cli.moments import set_time


def test_last_is_the_time_up_to_now() -> None:
    before = datetime.now(UTC)
    request = pb.QueryRollupRequest()
    set_time(request, "7d", "", "")
    end = request.to.ToDatetime(tzinfo=UTC)
    assert before <= end <= datetime.now(UTC)
    assert end - getattr(request, "from").ToDatetime(tzinfo=UTC) == timedelta(days=7)


def test_no_time_is_all_time() -> None:
    request = pb.QueryRollupRequest()
    set_time(request, "", "", "")
    assert request == pb.QueryRollupRequest()


@pytest.mark.parametrize(
    ("last", "start", "message"),
    [
        ("5m", "", "--last 5m: must be a length of time from 1h to 366d, such as 24h, 7d or 30d"),
        ("367d", "", "--last 367d: must be a length of time from 1h to 366d"),
        ("week", "", "--last week: must be a length of time"),
        ("7d", "2026-04-27", "--last: not together with --from and --to"),
    ],
)
def test_what_is_no_time_is_wrong_usage(
    last: str, start: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        set_time(pb.QueryRollupRequest(), last, start, "")
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.startswith(message)
