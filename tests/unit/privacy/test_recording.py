"""The order of writes, observed on stores that write it down."""

import pytest

from libs.audit import Auditor, Caller
from libs.common.errors import Unavailable
from libs.consent import Status
from services.privacy.consent.model import ActorRole, Recorded, Recording, Subject
from services.privacy.consent.recording import Recorder
from services.privacy.consent.resync_queue import ResyncQueue
from tests.support.clocks import NOW_US, FixedClock
from tests.support.consents import recording
from tests.support.privacy_fakes import MemoryConsentMirror, MemoryConsentStore, without_details
from tests.support.pseudonyms import PSEUDONYMS

ANN = Subject("chess", "ann")
CALLER = Caller("a token", "req-1", "0" * 31 + "1")


class Scene:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.store = MemoryConsentStore(self.log)
        self.mirror = MemoryConsentMirror(self.log, "chess")
        self.repairs = ResyncQueue()
        clock = FixedClock.of_us()
        self.recorder = Recorder(
            self.store,
            self.mirror,
            self.repairs,
            Auditor(PSEUDONYMS, clock),
            clock,
            PSEUDONYMS.all_epochs,
        )

    async def record(self, **choices: bool) -> int:
        recorded = await self.recorder.record(recording(ANN, **choices), CALLER)
        assert recorded.recorded_at_us == NOW_US
        return recorded.version


async def test_a_grant_is_committed_and_opened_then() -> None:
    scene = Scene()
    assert await scene.record(telemetry=True) == 1
    assert scene.log == ["commit 1", "mirror 1 +telemetry"]


async def test_a_withdrawal_is_closed_and_committed_then() -> None:
    scene = Scene()
    assert await scene.record(telemetry=False) == 1
    assert scene.log == ["mirror 1 -telemetry", "commit 1"]


async def test_of_a_mixed_one_the_refusals_come_first_and_the_grants_last() -> None:
    scene = Scene()
    await scene.record(analytics=True, telemetry=True)
    scene.log.clear()
    assert await scene.record(marketing=True, telemetry=False) == 3
    assert scene.log == [
        "mirror 2 +analytics ~telemetry",
        "commit 3",
        "mirror 3 +analytics +marketing ~telemetry",
    ]


async def test_a_denial_of_what_was_granted_is_a_withdrawal() -> None:
    scene = Scene()
    words = []
    for granted in (False, True, False, False, True):
        await scene.record(telemetry=granted)
        words.append(without_details(scene.mirror.texts[ANN]).partition(" ")[2])
    assert words == ["-telemetry", "+telemetry", "~telemetry", "~telemetry", "+telemetry"]


async def test_a_grant_that_ends_earlier_is_mirrored_before_its_commit_and_after() -> None:
    """The mirror holds the stricter of the two until the later one is committed."""
    scene = Scene()

    async def grant(ends_us: int | None) -> None:
        scene.log.clear()
        choices = {"telemetry": Status.GRANTED}
        said = Recording(ANN, choices, "ann", "test", "1", expires_at_us=ends_us)
        await scene.recorder.record(said, CALLER)

    await grant(None)
    assert scene.log == ["commit 1", "mirror 1 +telemetry"]
    await grant(NOW_US + 9)
    assert scene.log == ["mirror 2 t+telemetry", "commit 3", "mirror 3 t+telemetry"]
    assert scene.mirror.texts[ANN] == f"3;:{NOW_US}:{NOW_US + 9} t+telemetry".encode()
    for ends_us in (NOW_US + 10, None):
        await grant(ends_us)
        assert [line.partition(" ")[0] for line in scene.log] == ["commit", "mirror"]


async def test_a_new_age_band_is_the_strictest_until_it_is_committed() -> None:
    scene = Scene()
    for band in ("under_13", "adult"):
        scene.log.clear()
        await scene.recorder.record(Recording(ANN, {}, "ann", "signup", "", age_band=band), CALLER)
    assert scene.log == ["mirror 3 =?", "commit 4", "mirror 4 =adult"]
    scene.log.clear()
    await scene.recorder.record(Recording(ANN, {}, "ann", "signup", "", age_band="adult"), CALLER)
    assert scene.log == ["commit 5", "mirror 5 =adult"]


async def test_a_restriction_is_closed_first_and_lifting_it_opens_last() -> None:
    scene = Scene()

    async def say(*, restricts: bool) -> Recorded:
        scene.log.clear()
        said = Recording(ANN, {}, "op", "contested", "", restricts=restricts)
        return await scene.recorder.record(said, CALLER)

    await scene.record(telemetry=True)
    assert await say(restricts=False) == Recorded(1, 0)
    assert scene.log == []
    assert await say(restricts=True) == Recorded(2, NOW_US)
    assert scene.log == ["mirror 2 * +telemetry", "commit 2"]
    # Again, nothing is recorded.
    assert await say(restricts=True) == Recorded(2, NOW_US)
    assert scene.log == []
    # What the person says meanwhile is recorded, and changes nothing yet.
    scene.log.clear()
    await scene.record(telemetry=False, mail=True)
    assert scene.log[0] == "mirror 3 * ~telemetry"
    assert scene.log[-1] == "mirror 4 * +mail ~telemetry"
    assert (await say(restricts=False)).version == 5
    assert scene.log == ["commit 5", "mirror 5 +mail ~telemetry"]
    assert [entry.action for entry in scene.store.audited] == [
        "consent.recorded",
        "subject.restricted",
        "consent.recorded",
        "subject.restriction_lifted",
    ]


@pytest.mark.parametrize("recorded", [True, False])
async def test_lifting_ends_a_restriction_whose_process_was_killed_before_its_commit(
    *, recorded: bool
) -> None:
    scene = Scene()
    if recorded:
        await scene.record(telemetry=True)
    # What is mirrored before the commit; the next process has no repair to do.
    scene.store.version = 2
    scene.mirror.texts[ANN] = b"2 * +telemetry" if recorded else b"2 *"
    scene.log.clear()
    lifting = Recording(ANN, {}, "op", "settled", "", restricts=False)
    found = await scene.recorder.record(lifting, CALLER)
    assert found == Recorded(1 if recorded else 0, 0)
    assert scene.log == ["mirror 3 +telemetry" if recorded else "mirror 3 "]
    assert scene.store.entries[ANN] == scene.store.entries[ANN][: int(recorded)]
    # And one that the mirror cannot be asked to end is not said to be ended.
    scene.mirror.down = True
    with pytest.raises(Unavailable):
        await scene.recorder.record(lifting, CALLER)
    assert scene.repairs.take() == [ANN]


async def test_lifting_what_was_never_recorded_writes_the_id_nowhere() -> None:
    scene = Scene()
    lifting = Recording(ANN, {}, "op", "settled", "", restricts=False)
    assert await scene.recorder.record(lifting, CALLER) == Recorded(0, 0)
    assert (scene.log, scene.mirror.texts, scene.store.states) == ([], {}, {})


async def test_restricting_again_mirrors_what_a_killed_lifting_did_not() -> None:
    scene = Scene()
    restriction = Recording(ANN, {}, "op", "contested", "", restricts=True)
    await scene.recorder.record(restriction, CALLER)
    scene.mirror.texts.clear()
    scene.log.clear()
    assert await scene.recorder.record(restriction, CALLER) == Recorded(1, NOW_US)
    assert scene.log == ["mirror 1 *"]


async def test_without_redis_nothing_is_restricted() -> None:
    scene = Scene()
    scene.mirror.down = True
    with pytest.raises(Unavailable):
        await scene.recorder.record(
            Recording(ANN, {}, "op", "contested", "", restricts=True), CALLER
        )
    assert scene.store.states == {}
    assert scene.repairs.take() == [ANN]


async def test_a_minors_own_grant_ends_the_guardians_before_it_is_committed() -> None:
    scene = Scene()
    for role in (ActorRole.GUARDIAN, ActorRole.SUBJECT):
        scene.log.clear()
        choices = {"telemetry": Status.GRANTED}
        await scene.recorder.record(
            Recording(ANN, choices, "x", "form", "1", actor_role=role), CALLER
        )
    assert scene.log == ["mirror 2 +telemetry", "commit 3", "mirror 3 +telemetry"]


async def test_without_redis_a_withdrawal_fails_and_nothing_is_recorded() -> None:
    scene = Scene()
    scene.mirror.down = True
    with pytest.raises(Unavailable):
        await scene.record(telemetry=False)
    assert scene.store.states == {}
    # The command may have come through although its answer did not.
    assert scene.repairs.take() == [ANN]


async def test_without_redis_a_grant_is_recorded_and_mirrored_later() -> None:
    scene = Scene()
    scene.mirror.down = True
    assert await scene.record(telemetry=True) == 1
    assert scene.store.states[ANN].choices["telemetry"].granted
    assert scene.repairs.take() == [ANN]


async def test_where_the_commit_fails_the_stricter_state_stays() -> None:
    scene = Scene()
    scene.store.fail_commit = True
    with pytest.raises(Unavailable):
        await scene.record(telemetry=False, marketing=True)
    assert scene.log == ["mirror 1 -telemetry", "commit failed"]
    assert scene.repairs.take() == [ANN]


async def test_versions_count_on_from_the_mirror_where_postgres_was_set_back() -> None:
    scene = Scene()
    scene.mirror.texts[ANN] = b"500 +telemetry"
    assert await scene.record(telemetry=False) == 501
    assert without_details(scene.mirror.texts[ANN]) == "501 -telemetry"


async def test_a_grant_that_meets_a_newer_mirror_is_looked_after() -> None:
    scene = Scene()
    scene.mirror.texts[ANN] = b"500 -telemetry"
    assert await scene.record(telemetry=True) == 1
    assert scene.mirror.texts[ANN] == b"500 -telemetry"
    assert scene.repairs.take() == [ANN]


async def test_the_audit_trail_has_each_choice_by_what_became_of_it() -> None:
    scene = Scene()
    await scene.record(telemetry=True, analytics=False)
    await scene.record(telemetry=False, marketing=True)
    first, second = scene.store.audited
    assert first.details == {"version": 2, "granted": ["telemetry"], "denied": ["analytics"]}
    assert second.details == {"version": 4, "granted": ["marketing"], "withdrawn": ["telemetry"]}
    for entry in (first, second):
        assert (entry.app_id, entry.caller) == ("chess", CALLER)
        assert entry.subject == PSEUDONYMS.pseudonym("chess", "ann")


async def test_what_is_not_committed_is_not_in_the_audit_trail() -> None:
    scene = Scene()
    scene.store.fail_commit = True
    with pytest.raises(Unavailable):
        await scene.record(telemetry=True)
    assert scene.store.audited == []
