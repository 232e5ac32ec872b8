"""Filling and repairing, on stores in memory."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from libs.catalog import Catalogs, Snapshot
from libs.common.errors import Unavailable
from libs.consent import ConsentState
from services.privacy.consent import resync_queue as repairs_module
from services.privacy.consent.mirror_sync import MirrorSync
from services.privacy.consent.model import Subject
from services.privacy.consent.resync_queue import ResyncQueue
from tests.support.consents import consent_state
from tests.support.privacy_fakes import MemoryConsentMirror, MemoryConsentStore
from tests.support.pseudonyms import PSEUDONYMS

CATALOG: Any = SimpleNamespace(app_id="chess")
ANN, BOB, EVE = (Subject("chess", name) for name in ("ann", "bob", "eve"))


class Scene:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.store = MemoryConsentStore(self.log)
        self.mirror = MemoryConsentMirror(self.log, "chess")
        self.repairs = ResyncQueue()
        self.catalogs = Catalogs.of(CATALOG)
        self.sync = MirrorSync(
            self.catalogs, self.store, self.mirror, self.repairs, 2, PSEUDONYMS.all_epochs
        )
        for version, person in enumerate((ANN, BOB, EVE), start=1):
            self.store.states[person] = consent_state(version, telemetry=version != 2)
        self.store.version = 3
        self._fills_before = _fills()

    @property
    def fills(self) -> int:
        """How many fills the metric has counted."""
        return _fills() - self._fills_before


def _fills() -> int:
    return int(REGISTRY.get_sample_value("weir_privacy_mirror_fills_total") or 0)


async def test_a_fill_goes_page_by_page_between_its_signs() -> None:
    scene = Scene()
    scene.mirror.whole.clear()
    assert await scene.sync.fill("chess")
    assert scene.log == [
        "begin",
        "wait for writers",
        "page of 2",
        "mirror 1 +telemetry",
        "mirror 2 -telemetry",
        "page of 1",
        "mirror 3 +telemetry",
        "page of 0",
        "end",
    ]
    assert scene.mirror.whole == {"chess"}


async def test_it_says_when_the_mirror_can_be_read() -> None:
    scene = Scene()
    calls: list[int] = []
    sync = MirrorSync(
        scene.catalogs,
        scene.store,
        scene.mirror,
        scene.repairs,
        2,
        PSEUDONYMS.all_epochs,
        on_readable=lambda: calls.append(len(scene.log)),
    )
    scene.mirror.whole.add("chess")
    await sync.sync()
    # Before its first fill: the process before had filled it.
    assert calls[0] == 0
    calls.clear()
    scene.log.clear()
    scene.mirror.whole.clear()
    await sync.sync()
    assert scene.log[-1] == "end"
    assert calls == [len(scene.log)]


async def test_the_mirror_of_an_app_that_a_catalog_brings_is_filled() -> None:
    scene = Scene()
    await scene.sync.sync()
    go: Any = SimpleNamespace(app_id="go")
    ann = Subject("go", "ann")
    scene.store.states[ann] = consent_state(4, telemetry=False)
    await scene.sync.sync()
    assert (scene.fills, ann in scene.mirror.texts) == (1, False)
    scene.catalogs.replace(Snapshot.of(CATALOG, go))
    await scene.sync.sync()
    assert (scene.fills, scene.mirror.texts[ann]) == (2, b"4 -telemetry")


async def test_the_mirror_of_an_app_that_comes_back_is_filled_again() -> None:
    """Another replica, with the old catalog, may have recorded something meanwhile, and ended before the
    mirror had it."""
    scene = Scene()
    await scene.sync.sync()
    scene.catalogs.replace(Snapshot.of())
    await scene.sync.sync()
    scene.store.states[ANN] = consent_state(4, telemetry=False)
    scene.catalogs.replace(Snapshot.of(CATALOG))
    await scene.sync.sync()
    assert (scene.fills, scene.mirror.texts[ANN]) == (2, b"4 -telemetry")


async def test_a_fill_leaves_what_is_newer() -> None:
    scene = Scene()
    scene.mirror.texts[ANN] = b"9 -telemetry"
    await scene.sync.fill("chess")
    assert scene.mirror.texts[ANN] == b"9 -telemetry"


async def test_a_mirror_lost_during_the_fill_is_not_trusted() -> None:
    scene = Scene()
    scene.mirror.whole.clear()
    page = scene.store.page

    async def losing(
        app_id: str, after_subject_id: str, limit: int
    ) -> list[tuple[str, ConsentState]]:
        if after_subject_id:
            scene.mirror.lose()
        return await page(app_id, after_subject_id, limit)

    scene.store.page = losing  # type: ignore[method-assign]
    assert not await scene.sync.fill("chess")
    assert scene.fills == 0
    assert scene.mirror.whole == set()
    scene.store.page = page  # type: ignore[method-assign]
    await scene.sync.sync()
    assert scene.mirror.whole == {"chess"}
    assert set(scene.mirror.texts) == {ANN, BOB, EVE}


async def test_it_fills_once_at_the_start_and_then_when_needed() -> None:
    scene = Scene()
    for _ in range(3):
        await scene.sync.sync()
    assert scene.fills == 1
    scene.mirror.lose()
    await scene.sync.sync()
    assert scene.fills == 2


async def test_a_repair_replaces_a_stricter_state_that_was_never_committed() -> None:
    scene = Scene()
    scene.mirror.texts[ANN] = b"7 -telemetry"
    scene.store.version = 7
    await scene.sync.repair(ANN)
    assert scene.mirror.texts[ANN] == b"8;1: +telemetry"


async def test_a_repair_counts_on_from_the_mirror() -> None:
    scene = Scene()
    scene.mirror.texts[ANN] = b"700 -telemetry"
    await scene.sync.repair(ANN)
    assert scene.mirror.texts[ANN] == b"701;1: +telemetry"


async def test_a_repair_that_the_mirror_does_not_take_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    scene.repairs.add(ANN)

    async def newer(*_: object) -> int:
        return 700

    monkeypatch.setattr(scene.mirror, "put", newer)
    with pytest.raises(Unavailable):
        await scene.sync.sync()
    assert scene.repairs.take() == [ANN]


async def test_repairs_that_fail_are_not_forgotten() -> None:
    scene = Scene()
    scene.repairs.add(ANN)
    scene.repairs.add(BOB)
    scene.mirror.down = True
    with pytest.raises(Unavailable):
        await scene.sync.sync()
    assert scene.repairs.take() == [ANN, BOB]


async def test_too_many_repairs_become_a_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs_module, "LIMIT", 1)
    scene = Scene()
    await scene.sync.sync()
    scene.repairs.add(ANN)
    scene.repairs.add(BOB)
    await scene.sync.sync()
    assert scene.fills == 2
    assert len(scene.repairs) == 0


async def test_the_fill_instead_of_too_many_repairs_loosens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A withdrawal of EVE's was mirrored, and its commit failed."""
    monkeypatch.setattr(repairs_module, "LIMIT", 1)
    scene = Scene()
    scene.mirror.texts[EVE] = b"4 -telemetry"
    scene.repairs.add(ANN)
    scene.repairs.add(EVE)
    await scene.sync.sync()
    assert scene.mirror.texts[EVE] == b"4 -telemetry"
