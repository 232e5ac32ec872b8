"""Times of logs: what is recognized, what a format says, and what is left open."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.importing.time_shapes import DayOrder
from cli.importing.times import TimeError, TimeReader

ANY = TimeReader.parse(None, "UTC")


@pytest.mark.parametrize(
    "text",
    [
        "2024-04-03T14:05:06Z",
        "2024-04-03T14:05:06.000+00:00",
        "2024-04-03 16:05:06+02",
        "2024-04-03 14:05:06 UTC",
        " 2024/04/03 14:05:06 ",
        "2024-4-3 2:05:06 PM",
        "20240403T140506Z",
        "20240403140506",
        "03/Apr/2024:14:05:06 +0000",
        "Wed, 03 Apr 2024 14:05:06 GMT",
        "3 April 2024 14:05:06",
        "Apr 3, 2024, 2:05:06 p.m.",
        "Wednesday, April 3rd, 2024 14:05:06",
        "3.4.2024 14:05:06",
        "1712153106",
        "1712153106.0",
        "1712153106000",
        "1712153106000000",
        "1712153106000000000",
    ],
)
def test_one_moment_in_many_shapes(text: str) -> None:
    # 1712153106: `date -u -d 2024-04-03T14:05:06 +%s`.
    assert ANY.read(text) == datetime(2024, 4, 3, 14, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2024-04-03", "2024.04.03", "20240403", "03-Apr-2024", "3.4.2024"]
)
def test_a_date_alone_is_its_midnight(text: str) -> None:
    assert ANY.read(text) == datetime(2024, 4, 3, tzinfo=UTC)


def test_the_order_of_a_column_decides_dates_of_two_numbers() -> None:
    text = "03/04/2024 12:30 AM"
    assert ANY.with_order(DayOrder.DAY_FIRST).read(text) == datetime(2024, 4, 3, 0, 30, tzinfo=UTC)
    assert ANY.with_order(DayOrder.MONTH_FIRST).read(text) == datetime(
        2024, 3, 4, 0, 30, tzinfo=UTC
    )
    with pytest.raises(TimeError, match=r"04/25/2024.* first time .*%d/%m/%Y.* or .*%m/%d/%Y"):
        ANY.read("04/25/2024")


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "03.04.24",
        "24-04-03",
        "2024-13-03",
        "30.02.2024",
        "2024-04-03 25:00",
        "3 Foo 2024",
        # Could be a day and an hour; a day and minutes; seconds of 1970 or of 2065.
        "2024040312",
        "202404031200",
        "12345",
        "3000000000",
        "1712153106000.5",
        "14:05",
        "",
    ],
)
def test_what_is_not_recognized_is_shown_with_the_remedy(text: str) -> None:
    with pytest.raises(TimeError, match="--time-format") as raised:
        ANY.read(text)
    assert f"`{text}`" in str(raised.value)


@pytest.mark.parametrize(
    ("time_format", "text", "expected"),
    [
        ("%d.%m.%y %H:%M", "03.04.24 14:05", datetime(2024, 4, 3, 14, 5)),
        ("%Y%m%d%H", "2024040314", datetime(2024, 4, 3, 14)),
        ("%Y-%m-%d %H:%M:%S %z", "2024-04-03 14:05:06 +0200", datetime(2024, 4, 3, 12, 5, 6)),
        ("epoch", "0", datetime(1970, 1, 1)),
        ("epoch", "-1.5", datetime(1969, 12, 31, 23, 59, 58, 500_000)),
        ("epoch_ms", "1712153106123", datetime(2024, 4, 3, 14, 5, 6, 123_000)),
        ("epoch_us", "1712153106123456", datetime(2024, 4, 3, 14, 5, 6, 123_456)),
        ("epoch_ns", "1712153106123456789", datetime(2024, 4, 3, 14, 5, 6, 123_456)),
    ],
)
def test_a_given_format(time_format: str, text: str, expected: datetime) -> None:
    assert TimeReader.parse(time_format, "UTC").read(text) == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("%d.%m.%Y", "2024-04-03"),
        ("epoch", "nan"),
        ("epoch", "inf"),
        ("epoch_ms", "x"),
        ("epoch", "9" * 40),
        ("epoch", "1e31"),
        ("epoch", "-1e999990"),
        ("epoch", "1e999999"),
        ("epoch_ns", "1e9999999"),
        ("epoch", "1e9999999999999999999"),
    ],
)
def test_what_is_not_of_the_form_is_shown(time_format: str, text: str) -> None:
    with pytest.raises(TimeError, match=f"`.*` is not of the form {time_format}"):
        TimeReader.parse(time_format, "UTC").read(text)


@pytest.mark.parametrize(
    "time_format", ["DD.MM.YYYY", "%d.%m.", "%H:%M", "%s", "iso", "%Y-%m-%d %Z"]
)
def test_a_format_that_says_no_date_is_refused(time_format: str) -> None:
    with pytest.raises(TimeError, match=r"--time-format .*strptime"):
        TimeReader.parse(time_format, "UTC")


@pytest.mark.parametrize("zone", ["Europe", "Mars/Phobos", "../etc", "CEST?"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(TimeError, match="--timezone"):
        TimeReader.parse(None, zone)


def test_the_zone_is_that_of_times_that_name_none() -> None:
    berlin = TimeReader.parse(None, "Europe/Berlin")
    assert berlin.read("2024-01-03 14:00") == datetime(2024, 1, 3, 13, tzinfo=UTC)
    assert berlin.read("2024-07-03 14:00") == datetime(2024, 7, 3, 12, tzinfo=UTC)
    assert berlin.read("2024-07-03 14:00Z") == datetime(2024, 7, 3, 14, tzinfo=UTC)
    assert berlin.read("1712153106") == ANY.read("1712153106")
    # On 27 October the hour from 2 to 3 comes twice, on 31 March it does not come.
    assert berlin.read("2024-10-27 02:30") == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    with pytest.raises(TimeError, match=r"2024-03-31 02:30.* does not exist in Europe/Berlin"):
        berlin.read("2024-03-31 02:30")


MOMENTS = st.datetimes(datetime(2001, 9, 9, 2), datetime(2033, 5, 18))


@given(MOMENTS)
def test_each_shape_means_what_was_written(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    aware = moment.replace(tzinfo=UTC)
    seconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert ANY.read(str(seconds)) == ANY.read(f"{seconds}000") == aware
    for shape in (
        "%Y-%m-%dT%H:%M:%SZ",
        "%d.%m.%Y %H:%M:%S",
        "%a, %d %b %Y %H:%M:%S +0000",
        "%B %d, %Y %I:%M:%S %p",
        "%Y%m%d%H%M%S",
    ):
        assert ANY.read(moment.strftime(shape)) == aware, shape
