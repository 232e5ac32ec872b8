"""What stored events say of who is there, by the same rules as for live ones. Pure."""

from collections.abc import Mapping
from typing import Any

from libs.catalog import Conditions, Source
from services.aggregate.counting.columns import bounded, canonical_json, condition_keys
from services.aggregate.gauges.plan import GaugePlan, group_key
from services.aggregate.gauges.signs import GaugeSigns, note_latest


class StoredLast:
    """Signs from the last stored event of each name, member and value."""

    def __init__(self, plan: GaugePlan) -> None:
        self.signs = GaugeSigns(plan)

    def add(self, name: str, member: str, values: Mapping[Source, Any], moment_us: int) -> None:
        """Takes what the events of this name, member and these values say; `values` are JSON, None for
        what they do not have."""
        gauge = self.signs.plan.gauge
        keys = {source: _key(value) for source, value in values.items()}
        group = group_key(
            bounded([keys[each.source] for each in gauge.by], self.signs.plan.dimension_characters)
        )
        for found, choices in (
            (self.signs.entered, gauge.enters),
            (self.signs.left, gauge.leaves),
        ):
            if any(name in each.events and _meets(keys, each.conditions) for each in choices):
                note_latest(found, [(group, member, moment_us)])


def _key(value: Any) -> str | bytes | None:
    return value if value is None or isinstance(value, str) else canonical_json(value)


def _meets(keys: Mapping[Source, str | bytes | None], conditions: Conditions) -> bool:
    return all(
        keys[condition.source] in condition_keys(condition.values) for condition in conditions
    )
