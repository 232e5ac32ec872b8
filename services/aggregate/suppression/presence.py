"""What is shown of a gauge. Pure."""

from dataclasses import replace

from services.aggregate.gauges.plan import GroupKey
from services.aggregate.gauges.presence import Presence
from services.aggregate.suppression.tables import is_few, withheld

_NOTHING = Presence(count=0, other=0, groups={})


def shown_presence(presence: Presence, least: int) -> Presence:
    """A gauge with the groups that are shown; the people of all others are in `other`. Without any number if
    so few are there in all."""
    if is_few(presence.count, least):
        return _NOTHING
    # Those who are not counted apart are like one more group.
    sizes: dict[GroupKey | None, int] = {None: presence.other}
    sizes.update(presence.groups)
    hidden = withheld(sizes, lambda _: ["all"], least)
    if not hidden:
        return presence
    groups = {key: size for key, size in presence.groups.items() if key not in hidden}
    return replace(presence, other=sum(sizes.values()) - sum(groups.values()), groups=groups)


def one_group(presence: Presence, group: GroupKey, least: int) -> Presence:
    """The same of a group that was asked for alone: shown if it is among all of them."""
    size = presence.groups.get(group, 0)
    if size and group not in shown_presence(presence, least).groups:
        # Not what it is, but as little.
        size = 1
    return Presence(count=size, other=0, groups={})
