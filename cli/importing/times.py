"""Reading the times of a log: in a format that the user says, or in one that is recognized. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, DecimalException
from typing import Self
from zoneinfo import ZoneInfo

from cli.event_files import displayed
from cli.importing.day_order import either_format
from cli.importing.time_shapes import DayOrder, epoch_time, recognize, two_numbers

# Microseconds in one unit of a number.
_EPOCH_UNITS = {
    "epoch": Decimal(1_000_000),
    "epoch_ms": Decimal(1_000),
    "epoch_us": Decimal(1),
    "epoch_ns": Decimal("0.001"),
}
# More than nanoseconds until the year 9999 have. Whole numbers with very many digits take minutes to make.
_MOST_DIGITS = 30
_PROBE = datetime(2024, 11, 23, 22, 45, 56, tzinfo=UTC)


class TimeError(ValueError):
    """A time that cannot be read, or options that cannot be meant; the message says why."""


@dataclass(frozen=True, slots=True)
class TimeReader:
    """Reads the times of one column. `time_format` is a format of strptime, a word for a number since
    1970, or None to recognize common shapes; `zone` is that of times that name none; `order` decides
    dates of two numbers and a year."""

    time_format: str | None
    zone: tzinfo
    order: DayOrder | None = None

    @classmethod
    def parse(cls, time_format: str | None, zone_name: str) -> Self:
        """From the options of a command. Raises TimeError."""
        if time_format is not None and time_format not in _EPOCH_UNITS:
            _check_format(time_format)
        return cls(time_format, _zone(zone_name))

    def with_order(self, order: DayOrder | None) -> Self:
        """The same reader for a column whose order of day and month is known."""
        return replace(self, order=order)

    def read(self, text: str) -> datetime:
        """The time that `text` says, in UTC. Raises TimeError, with the text and what to do."""
        text = text.strip()
        try:
            moment = self._parsed(text)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
            local = moment.replace(tzinfo=self.zone)
            read = local.astimezone(UTC)
            exists = read.astimezone(self.zone).replace(tzinfo=None) == moment
        except (ValueError, OverflowError, DecimalException):
            raise TimeError(self._message(text)) from None
        if not exists:
            raise TimeError(
                f"`{displayed(text)}` does not exist in {self.zone}: clocks are put forward there"
            )
        return read

    def _parsed(self, text: str) -> datetime:
        if self.time_format is None:
            order = self.order
            date = two_numbers(text) if order is None else None
            if date is not None and date["sep"] == ".":
                order = DayOrder.DAY_FIRST
            moment = recognize(text, order)
            if moment is None:
                raise ValueError(text)
            return moment
        if unit := _EPOCH_UNITS.get(self.time_format):
            number = Decimal(text)
            if number.adjusted() > _MOST_DIGITS:
                raise OverflowError(text)
            return epoch_time(int(number * unit))
        return datetime.strptime(text, self.time_format)

    def _message(self, text: str) -> str:
        shown = f"`{displayed(text)}`"
        if self.time_format is not None:
            return f"{shown} is not of the form {self.time_format}, which --time-format says"
        date = two_numbers(text)
        if date is not None and self.order is None and date["sep"] != ".":
            return (
                f"{shown}: whether the day or the month comes first is found out only for a file whose first "
                f"time is such a date; say it with {either_format(date)}"
            )
        return (
            f"{shown} is no time that can be recognized; say how it is written with --time-format: a "
            "format of strptime such as %d.%m.%y, epoch or epoch_ms"
        )


def _zone(name: str) -> tzinfo:
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError):
        message = f"--timezone {name}: is not a time zone such as Europe/Berlin or UTC"
        raise TimeError(message) from None


def _check_format(time_format: str) -> None:
    """Raises TimeError unless the format says a whole date, in words that strptime knows."""
    problem = ""
    try:
        if datetime.strptime(_PROBE.strftime(time_format), time_format).date() != _PROBE.date():
            problem = "says no whole date"
    except ValueError as error:
        problem = str(error)
    if "%Z" in time_format.replace("%%", ""):
        problem = "%Z knows no zones but UTC; leave the zone out and say --timezone"
    if problem:
        raise TimeError(
            f"--time-format {time_format}: {problem}; it must be a format of strptime such as "
            f'"%d.%m.%Y %H:%M", or one of {", ".join(_EPOCH_UNITS)}'
        )
