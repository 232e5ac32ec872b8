"""When something is past its limit. Ages are whole UTC days, so that a limit of 90 days means the same at any
hour: what happened on a day is 90 days old on the 90th day after it, and is gone on the day behind that."""

from datetime import datetime, timedelta

_DAY = timedelta(days=1)


def kept_from(days: int, now: datetime) -> datetime:
    """What happened before this moment is more than `days` days old today, and past a limit of so many."""
    return midnight(now) - days * _DAY


def aged_before(days: int, now: datetime) -> datetime:
    """What happened before this moment is at least `days` days old today."""
    return kept_from(days, now) + _DAY


def midnight(moment: datetime) -> datetime:
    """The beginning of the moment's day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
