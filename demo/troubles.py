"""What goes wrong on a day: producers send again what was taken, and send what no catalog allows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from demo.model import DemoEvent, ExpectedVerdict, Trouble
from demo.scene import new_uuid

# A producer that is not sure of an answer sends again soon, at most this many events later.
_RESENT_WITHIN = 400
_CENTURY = timedelta(days=36_525)
_TAKEN = (frozenset({ExpectedVerdict.ACCEPTED}), frozenset({ExpectedVerdict.ANONYMIZED}))
# A property of each of these events that must be there, and of its type.
_REQUIRED = {
    "world.zone.exited": "duration_seconds",
    "world.zone.entered": "zone_type",
    "gamification.mission.completed": "xp_awarded",
    "game_stage_complete": "score",
    "game_stage_start": "stage_id",
    "page_load_time": "load_time_ms",
    "payout_completed": "amount_cents",
    "view": "contentId",
    "purchase": "amount",
}
# No event of this product must have a property, but those that are there have a type.
_TYPED = {"activation_round_completed": "round", "microact_created": "category"}


def resend(random: Random, events: list[DemoEvent], count: int) -> list[DemoEvent]:
    """The events with `count` of those that are taken for certain sent once more, a little later."""
    certain = [index for index, event in enumerate(events) if event.possible in _TAKEN]
    later: dict[int, list[DemoEvent]] = {}
    for index in random.sample(certain, min(count, len(certain))):
        place = min(len(events) - 1, index + random.randrange(_RESENT_WITHIN))
        again = replace(
            events[index], possible=frozenset({ExpectedVerdict.DUPLICATE}), trouble=Trouble.RESENT
        )
        later.setdefault(place, []).append(again)
    return [found for index, event in enumerate(events) for found in (event, *later.get(index, ()))]


def malform(random: Random, events: Sequence[DemoEvent], count: int) -> list[DemoEvent]:
    """The events, and among them `count` more that ingest has to reject."""
    kinds = [kind for kind in Trouble if kind not in (Trouble.NONE, Trouble.RESENT)]
    breakable = {
        Trouble.WRONG_TYPE: [e for e in events if e.name in _REQUIRED or e.name in _TYPED],
        Trouble.MISSING_PROPERTY: [e for e in events if e.name in _REQUIRED],
    }
    wrong: dict[int, list[DemoEvent]] = {}
    for number in range(count):
        kind = kinds[number % len(kinds)]
        candidates = breakable.get(kind, events)
        if candidates:
            broken = _break(random, random.choice(candidates), kind)
            wrong.setdefault(random.randrange(len(events)), []).append(broken)
    return [found for index, event in enumerate(events) for found in (*wrong.get(index, ()), event)]


def _break(random: Random, event: DemoEvent, kind: Trouble) -> DemoEvent:
    """A new event like `event`, with one thing wrong."""
    # Who wants nothing collected has no dead letters either, unless not even the purpose is known.
    dropped = event.possible & {ExpectedVerdict.DROPPED} and kind is not Trouble.UNKNOWN_EVENT
    event = replace(
        event,
        event_id=new_uuid(random),
        possible=frozenset({ExpectedVerdict.DROPPED if dropped else ExpectedVerdict.REJECTED}),
        trouble=kind,
    )
    match kind:
        case Trouble.WRONG_TYPE:
            name = _REQUIRED.get(event.name) or _TYPED[event.name]
            value = event.properties[name]
            wrong = 42 if isinstance(value, str) else f"{value} or so"
            return replace(event, properties={**event.properties, name: wrong})
        case Trouble.MISSING_PROPERTY:
            left = {k: v for k, v in event.properties.items() if k != _REQUIRED[event.name]}
            return replace(event, properties=left)
        case Trouble.UNKNOWN_EVENT:
            return replace(event, name=f"{event.name}_v2")
        case Trouble.FUTURE_CLOCK:
            return replace(event, occurred_at=event.occurred_at + _CENTURY)
        case _:
            return replace(event, event_id=random.choice(("", "evt 1", "x" * 200)))
