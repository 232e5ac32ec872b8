"""When something is past its limit. Ages are whole UTC days, so that a limit of 90 days means the same at any
hour: what happened on a day is 90 days old on the 90th day after it, and is gone on the day behind that."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_DAY = timedelta(days=1)


def expired_before(days: int, now: datetime) -> datetime:
    """What happened before this moment is more than `days` days old today, and past a limit of so many."""
    return midnight(now) - days * _DAY


def aged_before(days: int, now: datetime) -> datetime:
    """What happened before this moment is at least `days` days old today."""
    return expired_before(days, now) + _DAY


def midnight(moment: datetime) -> datetime:
    """The beginning of the moment's day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class OverdueData:
    """Rows or entries of a store that are past a limit of `days` days; `app_id` is empty if the store does
    not say. `kind` is the retention class, the event's name or the rollup; `oldest` when the first of them
    occurred or was received. `kept_because` is empty if the next run removes them, or anonymizes them if
    `is_named`."""

    store: str
    app_id: str
    kind: str
    days: int
    rows: int
    oldest: datetime
    is_named: bool = False
    kept_because: str = ""


@dataclass(frozen=True, slots=True)
class RetentionLimit:
    """Data of one kind are kept for `days` days, None for without limit. `kind` is a category, event, privacy
    level, rollup or job; empty for all of the store, as `app_id` is for all apps. `set_by` is `catalog` or a
    setting's name; `job` removes what is older, or anonymizes it if it `is_named`."""

    store: str
    days: int | None
    set_by: str
    job: str
    app_id: str = ""
    kind: str = ""
    is_named: bool = False


# What of one service's stores is past its limit now, and its limits.
ListOverdue = Callable[[], Awaitable[Sequence[OverdueData]]]
ListLimits = Callable[[], Sequence[RetentionLimit]]


async def overdue_of(*lists: ListOverdue) -> list[OverdueData]:
    """What several of a service's stores have past their limits."""
    return [each for list_overdue in lists for each in await list_overdue()]


def complaint(found: Sequence[OverdueData]) -> str:
    """What is past its limit, in words that name the oldest of it and say nothing about people; empty for
    nothing."""
    if not found:
        return ""
    oldest = min(found, key=lambda each: each.oldest)
    what = "anonymized" if oldest.is_named else "removed"
    text = (
        f"{oldest.store}: {oldest.rows} rows of {oldest.app_id or 'any app'}, {oldest.kind}, were to be"
        f" {what} after {oldest.days} days; the oldest is of {oldest.oldest:%Y-%m-%d}"
    )
    text += f" ({oldest.kept_because})" if oldest.kept_because else ""
    return f"{text}; {len(found) - 1} more limits" if len(found) > 1 else text
