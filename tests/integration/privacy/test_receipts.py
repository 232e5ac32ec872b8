"""Receipts: genuine or not, in force or not."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import privacy_service_pb2 as pb

from tests.integration.privacy.conftest import APP, AUDIT_KEY, PURPOSE, Privacy
from tests.support.clocks import FixedClock
from tests.support.rejections import reason_of

# As ADR 45 has it.
KEY = hmac.new(AUDIT_KEY.encode(), b"receipts of consent", hashlib.sha256).digest()


async def receipt_of(privacy: Privacy, version: int = 0) -> str:
    request = pb.GetConsentReceiptRequest(app_id=APP, subject_id="ann", version=version)
    response = await privacy.stub.GetConsentReceipt(request, timeout=60)
    return str(response.receipt_json)


def history_reads(database_url: str) -> int:
    """How many entries of the audit trail say that a history was read."""
    with psycopg.connect(database_url) as connection:
        statement = "SELECT count(*) FROM privacy.audit_entries WHERE action = %s"
        [count] = connection.execute(statement, ["consent.history_read"]).fetchone() or (0,)
    return int(count)


async def verify(
    privacy: Privacy, receipt: str | Mapping[str, Any], app_id: str = APP
) -> tuple[bool, bool]:
    """Genuine, in force."""
    text = receipt if isinstance(receipt, str) else json.dumps(receipt)
    request = pb.VerifyReceiptRequest(app_id=app_id, receipt_json=text)
    response = await privacy.stub.VerifyReceipt(request, timeout=60)
    return response.genuine, response.in_force


async def test_a_receipt_says_what_was_recorded_in_the_specifications_words(
    privacy: Privacy, clock: FixedClock, database_url: str
) -> None:
    await privacy.record("ann", telemetry=True)
    [entry] = await privacy.history("ann")
    reads = history_reads(database_url)
    receipt = json.loads(await receipt_of(privacy))
    assert history_reads(database_url) == reads + 1
    mac = receipt.pop("mac")
    assert receipt.pop("record_id")
    moment = clock.now.isoformat()
    assert receipt == {
        "schema_version": "ISO/IEC TS 27560:2023; weir 1",
        "pii_principal_id": "ann",
        "pii_processing": {
            "privacy_notice": "1",
            "purposes": [
                {"purpose": PURPOSE, "collection_method": "test", "lawful_basis": "consent"}
            ],
        },
        "party_identification": [
            {"party_id": APP, "party_name": "Game launch", "party_role": "controller"}
        ],
        "event": [
            {
                "purpose": PURPOSE,
                "event_time": moment,
                "event_type": "explicit",
                "event_state": "granted",
                "entity_id": "ann",
                "source": "api",
            }
        ],
        "weir": {"app_id": APP, "consent_version": entry.version},
    }
    assert mac["algorithm"] == "HMAC-SHA-256"
    # By the standard library, of the text that RFC 8785 has for texts and whole numbers.
    receipt["record_id"] = json.loads(await receipt_of(privacy))["record_id"]
    text = json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert mac["value"] == hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


async def test_any_change_of_a_receipt_is_found(privacy: Privacy) -> None:
    await privacy.record("ann", telemetry=False)
    text = await receipt_of(privacy)
    assert await verify(privacy, text) == (True, True)
    receipt = json.loads(text)
    # Another order and white space are no change.
    reordered = json.dumps(dict(reversed(receipt.items())), indent=4)
    assert await verify(privacy, reordered) == (True, True)
    forged = json.loads(text)
    forged["event"][0]["event_state"] = "granted"
    without = {key: value for key, value in receipt.items() if key != "mac"}
    for changed in (
        forged,
        {**receipt, "pii_principal_id": "bob"},
        {**receipt, "note": ""},
        {**receipt, "mac": {**receipt["mac"], "value": "0" * 64}},
        {**receipt, "mac": "x"},
        without,
        {},
    ):
        assert await verify(privacy, changed) == (False, False)
    # Genuine, and another app's.
    assert await verify(privacy, text, "addvalue") == (False, False)
    # Deeper than our own JSON could be written.
    deep = '{"mac":{"value":"0"},"weir":' + "[" * 300 + "]" * 300 + "}"
    assert await verify(privacy, deep) == (False, False)
    for text in ("", "no", "[1]", "x" * 65_537):
        with pytest.raises(grpc.RpcError) as caught:
            await verify(privacy, text)
        assert reason_of(caught.value)[::2] == ("INVALID_ARGUMENT", "receipt_json")


async def test_a_receipt_is_in_force_until_another_recording_or_its_end(
    privacy: Privacy, clock: FixedClock
) -> None:
    ends = Timestamp()
    ends.FromDatetime((clock.now + timedelta(days=1)).replace(tzinfo=None))
    await privacy.stub.RecordConsent(
        pb.RecordConsentRequest(
            app_id=APP,
            subject_id="ann",
            choices=[pb.ConsentChoice(purpose=PURPOSE, granted=True)],
            actor="ann",
            method="test",
            notice_version="1",
            expires_at=ends,
        ),
        timeout=60,
    )
    first = await receipt_of(privacy)
    [event] = json.loads(first)["event"]
    assert event["validity_duration"] == "PT86400S"
    assert await verify(privacy, first) == (True, True)
    clock.now += timedelta(days=1)
    assert await verify(privacy, first) == (True, False)
    await privacy.record("ann", telemetry=True)
    second = await receipt_of(privacy)
    assert (await verify(privacy, first), await verify(privacy, second)) == (
        (True, False),
        (True, True),
    )
    await privacy.record("ann", telemetry=False)
    assert await verify(privacy, second) == (True, False)
    # Of the past as it was.
    [version, *_] = [entry.version for entry in await privacy.history("ann")]
    assert await receipt_of(privacy, version) == first


async def test_there_is_none_of_what_was_not_recorded(privacy: Privacy) -> None:
    await privacy.record("bob", telemetry=True)
    [entry] = await privacy.history("bob")
    for version in (0, entry.version, 2**64 - 1):
        with pytest.raises(grpc.RpcError) as caught:
            await receipt_of(privacy, version)
        assert reason_of(caught.value)[:2] == ("NOT_FOUND", "RECORDING_UNKNOWN")
