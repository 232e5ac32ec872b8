"""`weir query cohorts`: how many of the people who entered in a period were active later."""

import json
from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any

import typer
from weir.aggregate.v1 import behaviour_pb2 as pb

from cli.commands.event_choice import time_frame
from cli.commands.query_behaviour import (
    Exact,
    aggregate,
    plain_reliability,
    say_reliability,
    step_of,
    value_of,
    worst_reliability,
)
from cli.exits import fail
from cli.number_tables import (
    COHORT_COLUMNS_AT_LEAST,
    PROVISIONAL_MARK,
    cohort_columns,
    percent_of,
)
from cli.options import AppId, AsCsv, AsJson, Last, check_format
from cli.reliability import completeness_word
from cli.tables import print_columns
from libs.rpc.channels import pages

# These options choose which cohorts are shown, and do not change their numbers.
EnteredFrom = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="TIME",
        help="Cohorts from the period on that this time is in, which is shown whole.",
    ),
]
EnteredTo = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="TIME",
        help="Cohorts of periods that begin before this time, however late people came back; a date is the"
        " whole day.",
    ),
]


class Period(StrEnum):
    """How long a cohort's period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def cohort_sizes(
    app_id: AppId,
    period: Annotated[
        Period,
        typer.Option(
            help="How people are grouped: in UTC, days begin at midnight, weeks on Monday."
        ),
    ],
    last: Last = "",
    start: EnteredFrom = "",
    end: EnteredTo = "",
    entry: Annotated[
        str,
        typer.Option(
            metavar="EVENT[FILTER]", help="People enter by their first such event, not by activity."
        ),
    ] = "",
    breakdown: Annotated[
        str,
        typer.Option(
            metavar="FIELD", help="With --entry: cohorts by the value of this field of it."
        ),
    ] = "",
    behaviour: Annotated[
        str, typer.Option(help="People enter by this behaviour of the app's catalog.")
    ] = "",
    active: Annotated[
        str,
        typer.Option(metavar="FILTER", help="Which events make active; else the app's activity."),
    ] = "",
    on_or_after: Annotated[
        bool, typer.Option("--on-or-after", help="Active then or later, not exactly then.")
    ] = False,
    days: Annotated[
        str,
        typer.Option(metavar="1,7,30", help="These days after each one's own, instead of periods."),
    ] = "",
    periods: Annotated[
        int, typer.Option(min=0, max=400, help="How many later periods; 0: up to the newest.")
    ] = 0,
    percent: Annotated[
        bool, typer.Option("--percent", help="Show shares of the cohort in percent.")
    ] = False,
    exact: Exact = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how many of the people who entered in a period were active in each later one.

    People enter by being active first, by their first --entry, or by a --behaviour. Column +1 is the next
    day, week or month; with --days, the day after each one's own. The page docs/behaviour.md defines each
    number.

    One with a `*` is provisional: its time is not over, or events of it may still come.

    In UTC, a day begins at midnight, a week on Monday, a month on the first.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    if breakdown and not entry:
        fail("--breakdown: only with --entry", 2)
    if entry and behaviour:
        fail("--entry and --behaviour: only one of them", 2)
    request = pb.QueryCohortsRequest(
        app_id=app_id,
        time=time_frame(last, start, end),
        period=f"COHORT_PERIOD_{period.name}",
        active_filter=active,
        active_when="COHORT_ACTIVITY_ON_OR_AFTER" if on_or_after else "COHORT_ACTIVITY_EXACTLY_ON",
        days=_days(days),
        periods=periods,
        exact=exact,
    )
    if behaviour:
        request.behaviour = behaviour
    elif breakdown:
        request.property.event.CopyFrom(step_of("--entry", entry))
        request.property.field = breakdown
    elif entry:
        request.event.CopyFrom(step_of("--entry", entry))
    with aggregate(app_id) as stub:
        answers = list(pages(stub.QueryCohorts, request))
    cohorts = [_plain(cohort, breakdown) for answer in answers for cohort in answer.cohorts]
    reliability = worst_reliability([answer.reliability for answer in answers])
    if as_json:
        if percent:
            cohorts = [{**cohort, "percent": _percents(cohort)} for cohort in cohorts]
        typer.echo(json.dumps({**plain_reliability(reliability), "cohorts": cohorts}))
        return
    if not cohorts:
        typer.echo("no person was active" if not entry else "no person entered", err=as_csv)
        return
    columns = cohort_columns(
        cohorts, period, percent=percent, by=breakdown, on_or_after=on_or_after
    )
    print_columns(columns, as_csv=as_csv, at_least=COHORT_COLUMNS_AT_LEAST + bool(breakdown))
    is_marked = not as_csv and any(
        (text or "").startswith(PROVISIONAL_MARK)
        for column in columns
        if column.is_number
        for text in column.cells
    )
    if is_marked:
        back = ", or people may come back" if on_or_after else ""
        typer.echo(f"{PROVISIONAL_MARK} provisional: events of it may still come{back}", err=True)
    # Without a last period one more can always be added, so provisional is nothing new.
    is_bounded = bool(request.periods or request.days)
    say_reliability(reliability, provisional=is_bounded and not is_marked)


def _days(text: str) -> list[int]:
    try:
        return [int(day) for day in text.split(",")] if text else []
    except ValueError:
        fail(f"--days {text}: must be numbers, such as 1,7,30", 2)


def _plain(cohort: pb.EntryCohort, breakdown: str) -> dict[str, Any]:
    points = cohort.points
    found: dict[str, Any] = {
        "start": cohort.start.ToDatetime(tzinfo=UTC).date().isoformat(),
        **({"value": value_of(cohort.value), "other": cohort.other} if breakdown else {}),
        "size": cohort.size,
        "active": [point.active for point in points],
        "completeness": [completeness_word(point.completeness) for point in points],
    }
    if any(point.offset != number for number, point in enumerate(points)):
        # Days after each one's own: these are not the same people for each.
        found["days"] = [point.offset for point in points]
        found["people"] = [point.people for point in points]
    return found


def _percents(cohort: dict[str, Any]) -> list[float | None]:
    of = cohort.get("people") or [cohort["size"]] * len(cohort["active"])
    return [
        round(percent_of(active, people), 1) if people else None
        for active, people in zip(cohort["active"], of, strict=True)
    ]
