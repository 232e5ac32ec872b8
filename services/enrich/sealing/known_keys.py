"""The keys of people that were asked for lately, so that most chunks ask privacy for none."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.clock import Clock
from libs.sealing import PersonKey, SubjectKeys

_SECOND_US = 1_000_000
Person = tuple[str, bytes]


class Retirements(Protocol):
    """Says when keys of apps were retired; see `redis.RedisRetirements`."""

    async def latest(self, app_ids: Sequence[str]) -> Mapping[str, object]:
        """For each app something that is another one after keys of its people were retired."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    key: PersonKey
    until_us: int
    retirement: object


class KnownKeys:
    """At most `limit` keys, each for `seconds`, and not longer than until a key of the app is retired."""

    def __init__(
        self,
        keys: SubjectKeys,
        retirements: Retirements,
        clock: Clock,
        *,
        limit: int,
        seconds: int,
    ) -> None:
        self._keys = keys
        self._retirements = retirements
        self._clock = clock
        self._limit = limit
        self._kept_us = seconds * _SECOND_US
        # The one that was used last at the end.
        self._known: OrderedDict[Person, _Known] = OrderedDict()

    async def of(self, latest: Mapping[Person, int]) -> Mapping[Person, PersonKey]:
        """The key of each person, by app and pseudonym, with the time of the latest event that is to be
        sealed, in microseconds since the epoch. One call for each app of which keys are missing. Raises
        KeysUnavailable, and what Redis raises."""
        now_us = self._clock.now_us()
        # First: what a person does after their key was retired comes here after this says so.
        apps = list(dict.fromkeys(app_id for app_id, _ in latest))
        retirements = await self._retirements.latest(apps)
        found: dict[Person, PersonKey] = {}
        missing: dict[str, dict[bytes, int]] = {}
        for person, latest_us in latest.items():
            known = self._known.get(person)
            app_id, pseudonym = person
            if (
                known is not None
                and known.until_us > now_us
                and known.retirement == retirements[app_id]
                and _serves(known.key, latest_us)
            ):
                self._known.move_to_end(person)
                found[person] = known.key
            else:
                missing.setdefault(app_id, {})[pseudonym] = latest_us
        if missing:
            answers = await asyncio.gather(
                *(self._keys.for_sealing(app_id, people) for app_id, people in missing.items())
            )
            for app_id, answer in zip(missing, answers, strict=True):
                for pseudonym, key in answer.items():
                    found[app_id, pseudonym] = key
                    known = _Known(key, now_us + self._kept_us, retirements[app_id])
                    self._remember((app_id, pseudonym), known)
        return found

    def _remember(self, person: Person, known: _Known) -> None:
        self._known[person] = known
        self._known.move_to_end(person)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)


def _serves(key: PersonKey, latest_us: int) -> bool:
    """Whether it is the answer for an event of that time, too: if there was no key, later ones may get
    one."""
    return key.key is not None or latest_us <= (key.destroyed_at_us or 0)
