"""What enrich does with marked properties, with keys in memory."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from libs.catalog import Catalogs, Snapshot, compile_catalog
from libs.sealing import DataKey, Opening, PersonKey, Place, is_sealed
from libs.sealing.keys import KeysUnavailable
from libs.sealing.values import open_properties
from libs.streams.entries import enriched_batch
from services.enrich import convert
from services.enrich.model import WorkBatch
from services.enrich.sealing.known_keys import KnownKeys
from services.enrich.sealing.sealer import Sealer
from tests.support.clocks import FixedClock
from tests.support.enrich_batches import NOON, NOON_US, enriched, event, work_batch
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.small_catalog import SMALL

CATALOG = compile_catalog(
    SMALL.replace("mode: {type: string}", "mode: {type: string, x-pii: sealed}"), "chess.yaml"
)
CATALOGS = Catalogs(Snapshot.of(CATALOG))


class MemoryKeys:
    """Keys of people in memory: one each, whose id is that of the person. Implements `SubjectKeys`."""

    def __init__(self) -> None:
        self.destroyed_at_us: dict[bytes, int] = {}
        self.calls: list[tuple[str, dict[bytes, int]]] = []
        self.is_away = False

    async def for_sealing(
        self, app_id: str, people: Mapping[bytes, int]
    ) -> Mapping[bytes, PersonKey]:
        self.calls.append((app_id, dict(people)))
        if self.is_away:
            raise KeysUnavailable("privacy: UNAVAILABLE")
        return {person: self._key(person, latest_us) for person, latest_us in people.items()}

    async def for_opening(
        self, app_id: str, key_ids: Collection[bytes], opening: Opening
    ) -> Mapping[bytes, DataKey]:
        raise AssertionError("enrich opens nothing")

    def _key(self, person: bytes, latest_us: int) -> PersonKey:
        destroyed = self.destroyed_at_us.get(person)
        if destroyed is not None and latest_us <= destroyed:
            return PersonKey(None, destroyed)
        return PersonKey(key_of(person), destroyed)


class MemoryRetirements:
    """When keys were retired, in memory. Implements `Retirements`."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}

    async def latest(self, app_ids: Sequence[str]) -> Mapping[str, object]:
        return {app_id: self.found.get(app_id) for app_id in app_ids}


def key_of(person: bytes) -> DataKey:
    return DataKey(person, person * 2)


def person(subject_id: str) -> bytes:
    return bytes.fromhex(PSEUDONYMS.pseudonym("chess", subject_id))


def ended(event_id: str, subject_id: str = "ann", mode: Any = "secret", **fields: Any) -> Any:
    properties = json.dumps({"moves": 7, "mode": mode}).encode()
    return event(
        event_id, name="game.ended", subject_id=subject_id, properties_json=properties, **fields
    )


class Sealing:
    """A sealer with keys in memory, and a clock."""

    def __init__(self, limit: int = 100) -> None:
        self.keys = MemoryKeys()
        self.clock = FixedClock(NOON)
        self.retirements = MemoryRetirements()
        known = KnownKeys(self.keys, self.retirements, self.clock, limit=limit, seconds=60)
        self.sealer = Sealer(CATALOGS, PSEUDONYMS, known)

    async def stored(self, batch: WorkBatch) -> list[Any]:
        """The properties as they would be stored; None for events that failed."""
        await self.sealer.seal([enriched(batch)])
        return [each and json.loads(each.event.properties_json) for each in batch.enriched]


async def test_marked_values_are_not_handed_on() -> None:
    sealing = Sealing()
    sealed = work_batch(
        ended("e1"), event("e2", name="game.started", properties_json=b'{"mode":"open"}')
    )
    plain = work_batch(event("e3", name="game.started", properties_json=b'{"mode":"plain"}'))
    for batch in (sealed, plain):
        await sealing.stored(batch)
    sealing.sealer.note_marked([sealed, plain])
    fields = {b"batch": convert.enriched_batch(sealed)}
    assert b"secret" not in fields[b"batch"]
    found = [json.loads(each.properties_json) for each in enriched_batch(fields)[1].events]
    assert found == [{"moves": 7}, {"mode": "open"}]
    of_plain = enriched_batch({b"batch": convert.enriched_batch(plain)})[0]
    assert of_plain.event_batch == plain.payload


async def test_marked_values_are_sealed_and_nothing_else() -> None:
    sealing = Sealing()
    batch = work_batch(
        ended("a"), event("b", name="game.started", properties_json=b'{"mode": "x"}')
    )
    before = batch.payload
    sealed, other = await sealing.stored(batch)
    assert sealed["moves"] == 7
    assert is_sealed(sealed["mode"])
    assert other == {"mode": "x"}
    [first, _] = batch.enriched
    assert first is not None
    place = Place("chess", person("ann"), first.event_uuid)
    assert open_properties(sealed, key_of, place) == {"moves": 7, "mode": "secret"}
    # Aggregate gets the batch as it came.
    assert batch.payload == before


async def test_a_chunk_asks_once_and_later_ones_not_at_all() -> None:
    sealing = Sealing()
    batches = [
        work_batch(ended("a", "ann", at_us=NOON_US - 5), ended("b", "bob"), ended("c", "ann")),
        work_batch(ended("d", "ann")),
    ]
    await sealing.sealer.seal([enriched(batch) for batch in batches])
    assert sealing.keys.calls == [("chess", {person("ann"): NOON_US, person("bob"): NOON_US})]
    await sealing.stored(work_batch(ended("e", "bob")))
    await sealing.stored(work_batch(event("f", name="game.started")))
    assert len(sealing.keys.calls) == 1


async def test_keys_are_forgotten_after_a_minute_and_when_there_are_many() -> None:
    sealing = Sealing(limit=2)
    for subject_id in ("ann", "bob", "ann", "eve"):
        await sealing.stored(work_batch(ended("a", subject_id)))
    assert len(sealing.keys.calls) == 3
    await sealing.stored(work_batch(ended("a", "ann"), ended("b", "eve")))
    assert len(sealing.keys.calls) == 3
    # Bob was not asked for as lately as Ann.
    await sealing.stored(work_batch(ended("a", "bob")))
    assert len(sealing.keys.calls) == 4
    sealing.clock.now += timedelta(seconds=60)
    await sealing.stored(work_batch(ended("a", "bob")))
    assert len(sealing.keys.calls) == 5


async def test_what_occurred_before_a_key_was_destroyed_is_stored_without_its_value() -> None:
    sealing = Sealing()
    sealing.keys.destroyed_at_us[person("ann")] = NOON_US - 1
    before, after = await sealing.stored(work_batch(ended("a", at_us=NOON_US - 1), ended("b")))
    assert before == {"moves": 7}
    assert is_sealed(after["mode"])


async def test_a_person_who_comes_back_gets_a_key_at_once() -> None:
    sealing = Sealing()
    sealing.keys.destroyed_at_us[person("ann")] = NOON_US - 1
    assert await sealing.stored(work_batch(ended("a", at_us=NOON_US - 1))) == [{"moves": 7}]
    [back] = await sealing.stored(work_batch(ended("b")))
    assert is_sealed(back["mode"])
    assert len(sealing.keys.calls) == 2


async def test_a_retired_key_is_not_used_for_the_rest_of_its_minute() -> None:
    sealing = Sealing()
    await sealing.stored(work_batch(ended("a")))
    await sealing.stored(work_batch(ended("b")))
    assert len(sealing.keys.calls) == 1
    sealing.keys.destroyed_at_us[person("ann")] = NOON_US
    sealing.retirements.found["chess"] = 1
    # Nor for an event whose sender's clock is ahead: it was received before.
    before, ahead = await sealing.stored(work_batch(ended("c"), ended("d", at_us=NOON_US + 10**9)))
    assert (before, ahead) == ({"moves": 7}, {"moves": 7})
    assert len(sealing.keys.calls) == 2
    # Keys that were asked for since are remembered.
    await sealing.stored(work_batch(ended("e", "bob")))
    await sealing.stored(work_batch(ended("f", "bob")))
    assert len(sealing.keys.calls) == 3


async def test_without_privacy_nothing_changes_and_the_chunk_waits() -> None:
    sealing = Sealing()
    sealing.keys.is_away = True
    batch = enriched(work_batch(ended("a")))
    with pytest.raises(KeysUnavailable):
        await sealing.sealer.seal([batch])
    assert json.loads(batch.events[0].properties_json)["mode"] == "secret"


async def test_dead_letters_have_no_marked_values() -> None:
    sealing = Sealing()
    batch = enriched(work_batch(ended("a"), ended("b", ""), ended("c", anonymous_id="f" * 32)))
    batch.fail(0, "ValueError while enriching")
    batch.enriched[0] = None
    batch.events[2].properties_json = b"{not json"
    await sealing.sealer.seal([batch])
    sealing.sealer.remove_from_failed([batch])
    reasons = {failed.position: failed.reason for failed in batch.failed}
    assert reasons == {
        0: "ValueError while enriching",
        2: "its properties cannot be read while sealing",
    }
    assert b"secret" not in convert.dead_letters(batch)
    assert is_sealed(json.loads(batch.events[1].properties_json)["mode"])


async def test_people_who_did_not_agree_have_keys_too() -> None:
    sealing = Sealing()
    pseudonym = PSEUDONYMS.pseudonym("chess", "ann")
    [stored] = await sealing.stored(work_batch(ended("a", "", anonymous_id=pseudonym)))
    assert is_sealed(stored["mode"])
    assert sealing.keys.calls == [("chess", {person("ann"): NOON_US})]


async def test_events_that_name_no_person_have_a_key_of_their_app() -> None:
    sealing = Sealing()
    [stored] = await sealing.stored(work_batch(ended("a", "")))
    assert is_sealed(stored["mode"])
    assert sealing.keys.calls == [("chess", {bytes(16): NOON_US})]


async def test_two_chunks_at_once_may_both_ask() -> None:
    sealing = Sealing()
    batches = [work_batch(ended("a")), work_batch(ended("b"))]
    await asyncio.gather(*map(sealing.stored, batches))
    assert all(is_sealed(json.loads(b.events[0].properties_json)["mode"]) for b in batches)
