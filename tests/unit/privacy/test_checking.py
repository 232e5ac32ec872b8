"""Where an answer comes from, and what is never answered."""

from types import SimpleNamespace
from typing import Any

import pytest

from libs.catalog import Catalogs, Purpose, Snapshot, WhenDenied
from libs.common.errors import Unavailable, WeirError
from libs.consent import Decision, Reason, Ruling, Status
from services.privacy.consent.checking import Checker
from services.privacy.consent.model import Subject
from services.privacy.consent.tokens import consent_token
from tests.support.clocks import FixedClock
from tests.support.consents import consent_state
from tests.support.privacy_fakes import MemoryConsentMirror, MemoryConsentStore
from tests.support.pseudonyms import PSEUDONYMS

ANN = Subject("chess", "ann")
CATALOG: Any = SimpleNamespace(
    app_id="chess", purposes={"telemetry": Purpose("telemetry", True, WhenDenied.ANONYMIZE)}
)
ALLOWED_BY_DEFAULT = Ruling(Decision.ALLOW, Status.UNKNOWN, Reason.DEFAULT)


def granted(version: int) -> Ruling:
    return Ruling(Decision.ALLOW, Status.GRANTED, Reason.ANSWER, version)


def denied(version: int) -> Ruling:
    return Ruling(Decision.ANONYMIZE, Status.DENIED, Reason.ANSWER, version)


class Scene:
    def __init__(self) -> None:
        self.mirror = MemoryConsentMirror([], "chess")
        self.store = MemoryConsentStore([])
        self.catalogs = Catalogs.of(CATALOG)
        self.clock = FixedClock.of_us()
        self.checker = Checker(
            self.catalogs, self.mirror, self.store, self.clock, PSEUDONYMS.all_epochs
        )

    async def check(self, token: str = "") -> Ruling:
        return await self.checker.check("chess", "ann", "telemetry", token)


async def test_it_answers_from_the_mirror() -> None:
    scene = Scene()
    assert await scene.check() == ALLOWED_BY_DEFAULT
    scene.mirror.texts[ANN] = b"4 -telemetry"
    assert await scene.check() == denied(4)
    scene.mirror.texts[ANN] = b"5 +telemetry"
    assert await scene.check() == granted(5)
    assert scene.store.reads == 0


@pytest.mark.parametrize("mirrored", [None, b"4 +telemetry"])
async def test_a_token_newer_than_the_mirror_is_answered_from_the_truth(
    mirrored: bytes | None,
) -> None:
    scene = Scene()
    if mirrored:
        scene.mirror.texts[ANN] = mirrored
    scene.store.states[ANN] = consent_state(5, telemetry=False)
    assert await scene.check(consent_token(ANN, 5)) == denied(5)
    assert scene.store.reads == 1


async def test_a_token_newer_than_everything_is_not_answered() -> None:
    scene = Scene()
    scene.store.states[ANN] = consent_state(5, telemetry=True)
    with pytest.raises(Unavailable) as caught:
        await scene.check(consent_token(ANN, 6))
    assert caught.value.reason == "CONSENT_STALE"
    assert caught.value.retry_after_seconds > 0


async def test_a_mirror_that_is_not_whole_is_not_asked() -> None:
    scene = Scene()
    scene.mirror.lose()
    scene.store.states[ANN] = consent_state(5, telemetry=False)
    assert await scene.check() == denied(5)
    decisions = await scene.checker.check_many("chess", ["bob", "ann"], "telemetry")
    assert list(decisions) == [ALLOWED_BY_DEFAULT, denied(5)]


@pytest.mark.parametrize("text", [b"", b"rubbish", b"5 telemetry", b"x +telemetry"])
async def test_what_is_no_state_is_answered_from_the_truth(text: bytes) -> None:
    scene = Scene()
    scene.mirror.texts[ANN] = text
    scene.store.states[ANN] = consent_state(5, telemetry=False)
    assert await scene.check() == denied(5)


async def test_without_both_nothing_is_answered() -> None:
    scene = Scene()
    scene.mirror.down = scene.store.down = True
    for question in (
        scene.check(),
        scene.check(consent_token(ANN, 1)),
        scene.checker.check_many("chess", ["ann"], "telemetry"),
    ):
        with pytest.raises(Unavailable) as caught:
            await question
        assert caught.value.reason == "CONSENT_UNAVAILABLE"


@pytest.mark.parametrize(
    ("app_id", "subject_id", "purpose", "token", "reason", "field"),
    [
        ("go", "ann", "telemetry", "", "APP_UNKNOWN", ""),
        ("go", "", "nothing", "x", "APP_UNKNOWN", ""),
        ("chess", "ann", "marketing", "", "PURPOSE_UNKNOWN", "purpose"),
        ("chess", "", "telemetry", "", "FIELD_INVALID", "subject_id"),
        ("chess", "a" * 129, "telemetry", "", "FIELD_INVALID", "subject_id"),
        ("chess", "\x00ready", "telemetry", "", "FIELD_INVALID", "subject_id"),
        ("chess", "ann", "telemetry", "x", "ARGUMENT_INVALID", "token"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    app_id: str, subject_id: str, purpose: str, token: str, reason: str, field: str
) -> None:
    with pytest.raises(WeirError) as caught:
        await Scene().checker.check(app_id, subject_id, purpose, token)
    assert (caught.value.reason, caught.value.field) == (reason, field)


async def test_the_longest_id_is_answered_and_the_wrong_one_of_many_is_named() -> None:
    scene = Scene()
    await scene.checker.check("chess", "a" * 128, "telemetry", "")
    with pytest.raises(WeirError) as caught:
        await scene.checker.check_many("chess", ["ann", ""], "telemetry")
    assert caught.value.field == "subject_ids[1]"


async def test_another_default_and_a_removed_purpose_hold_from_the_next_check_on() -> None:
    scene = Scene()
    scene.mirror.texts[Subject("chess", "bob")] = b"1 +telemetry"
    assert await scene.check() == ALLOWED_BY_DEFAULT
    stricter: Any = SimpleNamespace(
        app_id="chess", purposes={"telemetry": Purpose("telemetry", False, WhenDenied.DROP)}
    )
    scene.catalogs.replace(Snapshot.of(stricter))
    assert await scene.check() == Ruling(Decision.DROP, Status.UNKNOWN, Reason.DEFAULT)
    # What a person recorded holds as before.
    answers = await scene.checker.check_many("chess", ["ann", "bob"], "telemetry")
    assert [answer.decision for answer in answers] == [Decision.DROP, Decision.ALLOW]
    without: Any = SimpleNamespace(app_id="chess", purposes={})
    scene.catalogs.replace(Snapshot.of(without))
    with pytest.raises(WeirError) as caught:
        await scene.check()
    assert caught.value.reason == "PURPOSE_UNKNOWN"
