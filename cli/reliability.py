"""How far an answer can be relied on, as JSON has it."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

import typer
from weir.aggregate.v1 import reliability_pb2

from cli.moments import shown_moment

# What a limit of an answer means, with its value. One that is not here adds nothing to the detail.
_LIMITS = {
    "least_people": "groups have {:,} people at least",
    "max_groups": "groups shown: {:,}; see --groups",
    "max_people": "people at most: {:,}",
    "max_rows": "rows shown: {:,}; see --rows",
    "max_values": "values at most: {:,}",
    "retention": "days kept: {:,}",
}


def completeness_word(completeness: reliability_pb2.Completeness) -> str:
    """`provisional` or `final`."""
    return reliability_pb2.Completeness.Name(completeness).removeprefix("COMPLETENESS_").lower()


def reliability_head(found: reliability_pb2.Reliability) -> dict[str, Any]:
    """Whether an answer is final, and what it stands on."""
    watermark = found.watermark.ToDatetime(tzinfo=UTC) if found.HasField("watermark") else None
    return {
        "completeness": completeness_word(found.completeness),
        "watermark": shown_moment(watermark) or None,
        "calculated_at": shown_moment(found.calculated_at.ToDatetime(tzinfo=UTC)),
    }


def plain_cut(found: reliability_pb2.Reliability) -> dict[str, Any] | None:
    """What was left out, as JSON has it; None for nothing."""
    if not found.HasField("cut"):
        return None
    return {"limit": found.cut.limit, "value": found.cut.value, "detail": found.cut.detail}


def say_cut(found: Iterable[reliability_pb2.Reliability]) -> None:
    """Says on stderr what was left out of the pages of an answer."""
    for one in found:
        if one.HasField("cut"):
            typer.echo(cut_line(one), err=True)
            return


def cut_line(found: reliability_pb2.Reliability) -> str:
    """What was left out, in words."""
    words = _LIMITS.get(found.cut.limit)
    return f"{found.cut.detail} ({words.format(found.cut.value)})" if words else found.cut.detail
