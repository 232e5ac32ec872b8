"""The key of the audit trail is changed while the service runs in several processes."""

import json
from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr
from weir.privacy.v1 import audit_service_pb2
from weir.privacy.v1 import privacy_service_pb2 as pb

from services.privacy.audit.chain import ChainKeys
from services.privacy.audit.verification import Finding, Problem
from services.privacy.settings import PrivacySettings
from tests.integration.privacy.conftest import APP as GAME
from tests.integration.privacy.conftest import AUDIT_KEY, Privacy, serving
from tests.support.audit_trails import KEYS, SECRET, Trail, audit_trail
from tests.support.clocks import FixedClock
from tests.support.waiting import until

NEW = ChainKeys(b"the next key of the trail", SECRET)


@pytest.fixture
async def trail(
    role_url: Callable[[str], str], redis_url: str, database_url: str
) -> AsyncIterator[Trail]:
    """With two entries of the first key."""
    async with audit_trail(role_url("weir_privacy"), redis_url, database_url) as trail:
        await trail.write(2)
        yield trail


async def test_what_an_earlier_key_made_still_verifies(trail: Trail) -> None:
    trail.use(NEW)
    # Before anything is chained with the new one, too.
    assert await trail.finding() is None
    await trail.write(2)
    found = await trail.verify()
    assert (found.part.finding, found.part.place.last.sequence) == (None, 4)
    assert found.compared_with_published
    trail.use(ChainKeys(b"the next key of the trail"))
    assert await trail.finding() == Finding(Problem.CHANGED, 1, trail.id_of(1))


async def test_a_process_with_the_old_key_leaves_the_chain_to_the_others(trail: Trail) -> None:
    """It would chain with a key that is out of use; other apps' entries it chains."""
    trail.use(NEW)
    await trail.write(1)
    trail.use(KEYS)
    await trail.write(2, "go")
    await trail.write(1)
    trail.use(NEW)
    found = await trail.verify()
    assert (found.part.finding, found.part.place.last.sequence, found.unchained) == (None, 3, 1)
    await trail.chainer.step()
    found = await trail.verify()
    assert (found.part.finding, found.part.place.last.sequence, found.unchained) == (None, 4, 0)
    go = await trail.store.part("go", 0, 10)
    assert (len(go.entries), go.unchained) == (2, 0)


async def test_with_a_new_key_the_trail_is_whole_and_old_receipts_are_genuine(
    settings: PrivacySettings, clock: FixedClock
) -> None:
    async def receipt(privacy: Privacy) -> str:
        request = pb.GetConsentReceiptRequest(app_id=GAME, subject_id="ann")
        return str((await privacy.stub.GetConsentReceipt(request, timeout=60)).receipt_json)

    async def is_genuine(privacy: Privacy, text: str) -> bool:
        request = pb.VerifyReceiptRequest(app_id=GAME, receipt_json=text)
        return bool((await privacy.stub.VerifyReceipt(request, timeout=60)).genuine)

    async def verified(privacy: Privacy) -> tuple[int, int]:
        request = audit_service_pb2.VerifyChainRequest(app_id=GAME)
        answer = await privacy.audit.VerifyChain(request, timeout=60)
        return answer.problem, answer.verified

    async with serving(settings, clock) as privacy:
        await privacy.until_whole()
        await privacy.record("ann", telemetry=True)
        old = await receipt(privacy)

        async def is_chained() -> bool:
            return await verified(privacy) == (0, 2)

        await until(is_chained)
    changed = settings.model_copy(
        update={
            "audit_key": SecretStr("another-key-of-the-trail"),
            "audit_earlier_keys": SecretStr(AUDIT_KEY),
        }
    )
    async with serving(changed, clock) as privacy:
        assert await is_genuine(privacy, old)
        assert (await verified(privacy))[0] == 0
        new = await receipt(privacy)
        assert json.loads(new)["mac"]["key_id"] != json.loads(old)["mac"]["key_id"]
    # Without the old key, what it made is not genuine any more.
    without = changed.model_copy(update={"audit_earlier_keys": SecretStr("")})
    async with serving(without, clock) as privacy:
        assert not await is_genuine(privacy, old)
        assert await is_genuine(privacy, new)
        assert (await verified(privacy))[0] == audit_service_pb2.CHAIN_PROBLEM_CHANGED
