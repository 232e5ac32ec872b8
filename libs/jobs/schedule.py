"""When a job is due: a cron expression, always in UTC, so that no clock change skips or repeats a run."""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

_MINUTE = timedelta(minutes=1)
_FIELDS = 5


class Schedule:
    """A cron expression with five fields: minute, hour, day of the month, month, day of the week.

    Raises ValueError, naming the expression, if it is none or never due.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        if len(expression.split()) != _FIELDS:
            raise ValueError(f"not a cron expression with {_FIELDS} fields: {expression!r}")
        try:
            self.next_after(datetime.now(UTC))
        except (CronSimError, StopIteration) as error:
            raise ValueError(f"not a cron expression: {expression!r}: {error}") from None

    def next_after(self, moment: datetime) -> datetime:
        """The first due time after `moment`, which has a time zone; in UTC."""
        return next(CronSim(self.expression, _minute_of(moment)))

    def newest_at(self, moment: datetime) -> datetime:
        """The last due time at or before `moment`, which has a time zone; in UTC."""
        return next(CronSim(self.expression, _minute_of(moment) + _MINUTE, reverse=True))


def _minute_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
