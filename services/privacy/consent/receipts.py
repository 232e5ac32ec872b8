"""Receipts of recordings, in the structure of ISO/IEC TS 27560:2023, with a MAC that only this service can
make.

Field names are those of the specification. What Weir does not know of a controller (address, storage
locations) is left out; what the specification has no field for stands under `weir`.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from libs.catalog import Catalog, Purpose
from libs.common.clock import moment_of
from libs.common.errors import InvalidArgument
from libs.common.ids import uuid8
from libs.consent import ConsentState, Ruling, Status, decide, grant_end
from services.privacy.consent.model import HistoryEntry, Subject

SCHEMA_VERSION = "ISO/IEC TS 27560:2023; weir 1"
ALGORITHM = "HMAC-SHA-256"
MAX_BYTES = 65_536


class ReceiptPurpose(NamedTuple):
    """A purpose of a receipt as it is now; in force: this recording still decides, and has not ended."""

    purpose: str
    ruling: Ruling
    in_force: bool


class Verification(NamedTuple):
    """Whose the receipt is, and of which recording."""

    subject: Subject
    version: int
    statuses: Mapping[str, Status]


class Receipts:
    """Makes receipts with a secret key; verifies them with it, and with those that were in use before."""

    def __init__(self, newest: bytes, *earlier: bytes) -> None:
        self._keys = (newest, *earlier)
        # Says which key it was, and nothing about it.
        self._key_id = hashlib.sha256(b"weir receipt key\x00" + newest).hexdigest()[:16]

    def receipt(self, catalog: Catalog, subject: Subject, entries: Sequence[HistoryEntry]) -> bytes:
        """The receipt of one recording, as JSON: the same bytes for the same recording and catalog."""
        first = entries[0]
        content = {
            "schema_version": SCHEMA_VERSION,
            "record_id": _record_id(subject, first.version),
            "pii_principal_id": subject.subject_id,
            "pii_processing": {
                "privacy_notice": first.notice_version,
                "purposes": [
                    _purpose(catalog.purposes.get(each.purpose), each) for each in entries
                ],
            },
            "party_identification": [
                {
                    "party_id": subject.app_id,
                    "party_name": catalog.title,
                    "party_role": "controller",
                }
            ],
            "event": [_event(catalog.purposes.get(each.purpose), each) for each in entries],
            "weir": {"app_id": subject.app_id, "consent_version": first.version},
        }
        return self.sign(content)

    def sign(self, content: Mapping[str, Any]) -> bytes:
        """The content as JSON, with its MAC."""
        mac = {
            "algorithm": ALGORITHM,
            "key_id": self._key_id,
            "value": _mac(self._keys[0], content),
        }
        return _canonical({**content, "mac": mac})

    def verify(self, receipt_json: str) -> Verification | None:
        """Whose receipt it is; None if it is not genuine: not made with one of the keys, or changed since.
        White space and the order of fields do not matter. Raises InvalidArgument for what is no JSON
        object."""
        if len(receipt_json) > MAX_BYTES:
            raise InvalidArgument(f"must have at most {MAX_BYTES} characters", field="receipt_json")
        try:
            content = orjson.loads(receipt_json)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise InvalidArgument("must be a JSON object", field="receipt_json")
        mac = content.pop("mac", None)
        value = mac.get("value") if isinstance(mac, dict) else None
        if not isinstance(value, str):
            return None
        try:
            macs = [_mac(key, content) for key in self._keys]
        except TypeError:  # deeper than orjson writes, though not than it reads
            return None
        if not any(hmac.compare_digest(value.encode(), one.encode()) for one in macs):
            return None
        # Ours, so it is complete.
        own = content["weir"]
        subject = Subject(own["app_id"], content["pii_principal_id"])
        statuses = {
            event["purpose"]: Status[event["event_state"].upper()] for event in content["event"]
        }
        return Verification(subject, own["consent_version"], statuses)


def standing(
    catalog: Catalog, found: Verification, state: ConsentState | None, now_us: int
) -> list[ReceiptPurpose]:
    """How the purposes of a genuine receipt stand now; those that the catalog no longer has are left out."""
    purposes = []
    for name, status in found.statuses.items():
        if purpose := catalog.purposes.get(name):
            ruling = decide(purpose, state, now_us)
            in_force = ruling.version == found.version and ruling.status is status
            purposes.append(ReceiptPurpose(name, ruling, in_force))
    return purposes


def _record_id(subject: Subject, version: int) -> str:
    text = "\x00".join((*subject, str(version)))
    return str(UUID(bytes=uuid8(hashlib.sha256(text.encode()).digest()[:16])))


def _purpose(purpose: Purpose | None, entry: HistoryEntry) -> dict[str, Any]:
    found = {"purpose": entry.purpose, "collection_method": entry.method}
    if purpose is not None:
        found["lawful_basis"] = purpose.ground.value
    return found


def _event(purpose: Purpose | None, entry: HistoryEntry) -> dict[str, Any]:
    assert entry.status is not None
    event = {
        "purpose": entry.purpose,
        "event_time": _moment(entry.recorded_at_us),
        "event_type": "explicit",
        "event_state": entry.status.name.lower(),
        "entity_id": entry.actor,
    }
    if entry.source:
        event["source"] = entry.source
    if entry.actor_role:
        event["entity_role"] = entry.actor_role.name.lower()
    if entry.status is Status.GRANTED:
        end_us = grant_end(purpose, entry.recorded_at_us, entry.expires_at_us)
        if end_us is not None:
            event["validity_duration"] = f"PT{(end_us - entry.recorded_at_us) // 1_000_000}S"
    return event


def _moment(us: int) -> str:
    return moment_of(us).isoformat()


def _mac(key: bytes, content: Mapping[str, Any]) -> str:
    return hmac.digest(key, _canonical(content), "sha256").hex()


def _canonical(content: Mapping[str, Any]) -> bytes:
    """The one form of a content: sorted keys, no white space, UTF-8."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
