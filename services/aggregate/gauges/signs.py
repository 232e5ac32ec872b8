"""What events say of who is there: the last time that each entered and left. Pure.

Only the latest moments count, so nothing depends on the order of events, nor on how often they come.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import repeat

from services.aggregate.counting.columns import Columns
from services.aggregate.gauges.plan import NO_GROUP, US_PER_SECOND, GaugePlan, GroupKey, group_key

# By group, and then by who: the latest moment in microseconds since the epoch.
Moments = dict[GroupKey, dict[str, int]]


class GaugeSigns:
    """When those that one gauge is about were last seen to be there, and to leave."""

    def __init__(self, plan: GaugePlan) -> None:
        self.plan = plan
        self.entered: Moments = defaultdict(dict)
        self.left: Moments = defaultdict(dict)

    def add(self, columns: Columns) -> None:
        """Takes the events of one name."""
        gauge = self.plan.gauge
        for found, choices in ((self.entered, gauge.enters), (self.left, gauge.leaves)):
            for choice in choices:
                if columns.name in choice.events:
                    matches = columns.matches(choice.conditions)
                    if matches is None or matches:
                        self._note(found, columns, matches)

    def _note(self, found: Moments, columns: Columns, matches: Sequence[bool] | None) -> None:
        gauge = self.plan.gauge
        members = columns.sessions() if self.plan.of_sessions else columns.members(gauge.key)
        if gauge.by_receipt:
            moments = columns.received()
            members = self._timely(members, columns.seconds(), moments)
        else:
            moments = columns.moments()
        if matches is not None:
            members = [
                member if match else "" for member, match in zip(members, matches, strict=True)
            ]
        if gauge.by:
            note_latest(found, zip(self._groups(columns), members, moments, strict=True))
        elif moments == sorted(moments):
            # As receipts mostly are: of each, the last one is the latest.
            latest = dict(zip(members, moments, strict=True))
            if found[NO_GROUP]:
                note_latest(found, zip(repeat(NO_GROUP), latest, latest.values(), strict=False))
            else:
                latest.pop("", None)
                found[NO_GROUP] = latest
        else:
            note_latest(found, zip(repeat(NO_GROUP), members, moments, strict=False))

    def _timely(
        self, members: Sequence[str], seconds: Sequence[int], received: Sequence[int]
    ) -> Sequence[str]:
        """The members, with an empty text for each whose event came too late, as those of an import do."""
        limit = self.plan.lateness_us
        if max(received) - min(seconds) * US_PER_SECOND <= limit:
            return members
        return [
            member if receipt - second * US_PER_SECOND <= limit else ""
            for member, second, receipt in zip(members, seconds, received, strict=True)
        ]

    def _groups(self, columns: Columns) -> Sequence[GroupKey]:
        values = list(
            zip(
                *[columns.dimension(dimension.source) for dimension in self.plan.gauge.by],
                strict=True,
            )
        )
        groups = {each: group_key(each) for each in set(values)}
        return [groups[each] for each in values]


class AllSigns:
    """The signs of a chunk, by app and gauge."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], GaugeSigns] = {}

    def add(self, plans: Iterable[GaugePlan], columns: Columns) -> None:
        """Takes the events of one name for the gauges that they change."""
        for plan in plans:
            key = plan.app_id, plan.gauge.name
            if key not in self._found:
                self._found[key] = GaugeSigns(plan)
            self._found[key].add(columns)

    def found(self) -> Sequence[GaugeSigns]:
        """Those of all gauges that an event changes."""
        return list(self._found.values())


def note_latest(found: Moments, signs: Iterable[tuple[GroupKey, str, int]]) -> None:
    """Keeps the latest moment of each; an empty id is no member."""
    for group, member, moment in signs:
        if member:
            known = found.setdefault(group, {})
            if moment > known.get(member, 0):
                known[member] = moment
