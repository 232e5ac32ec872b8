"""What a service calls a field, in the word that the user typed: the option."""

import re
from collections.abc import Mapping

# By the field's path in a request, without places in lists. A field below one of these has its option.
OPTIONS: Mapping[str, str] = {
    "active_filter": "--active",
    "active_when": "--on-or-after",
    "after_event": "--after",
    "app_id": "--app",
    "before_event": "--before",
    "behaviour": "--behaviour",
    "breakdown": "--breakdown",
    "changes": "--property, --value or --remove",
    "choices": "--grant or --deny",
    "days": "--days",
    "depth": "--depth",
    "dimensions": "--where",
    "due_at": "--due",
    "event": "--entry",
    "event_id": "--event",
    "exact": "--exact",
    "exclude": "--exclude",
    "expires_at": "--expires-at",
    "filter": "--filter",
    "format": "--format",
    "from": "--from",
    "gap": "--gap",
    "gauges": "--gauge",
    "job": "--job",
    "jobs": "--job",
    "max_groups": "--groups",
    "max_rows": "--rows",
    "metric": "--metric",
    "min_count": "--min-count",
    "notice_version": "--notice",
    "of.cell.bucket_start": "--bucket",
    "of.cell.dimensions": "--where",
    "of.cell.rollup": "--rollup",
    "order": "--any-order",
    "order_by": "--oldest-first",
    "period": "--period",
    "periods": "--periods",
    "property.event": "--entry",
    "property.field": "--breakdown",
    "purpose": "--purpose",
    "resume_token": "--resume",
    "rollup": "--rollup",
    "rollups": "--rollup",
    "rules": "--rule",
    "steps": "--step",
    "subject_id": "--subject",
    "time": "--last, or --from and --to",
    "time.between.from": "--from",
    "time.between.to": "--to",
    "time.last": "--last",
    "to": "--to",
    "token": "--token",
    "total": "--total",
    "wait_seconds": "--wait",
    "window": "--window",
    "without_personal_data": "--without-person",
}
_PLACE = re.compile(r"\[(\d+)\]")


def option_of(field: str) -> str:
    """The option that a field of a request is from, such as `--step, number 2` of `steps[1].filter`; the
    field itself if it is from none."""
    path = _PLACE.sub("", field).split(".")
    for length in range(len(path), 0, -1):
        if option := OPTIONS.get(".".join(path[:length])):
            place = _PLACE.search(field)
            return f"{option}, number {int(place[1]) + 1}" if place else option
    return field
