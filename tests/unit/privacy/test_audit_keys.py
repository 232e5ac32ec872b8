"""The key of the audit trail is changed: what the earlier one made still verifies, and nothing else does."""

import hashlib
import hmac
import uuid
from collections.abc import Sequence

import pytest
from pydantic import SecretStr

from libs.audit import Action, AuditEntry, Caller, Outcome
from libs.common.errors import ConfigurationError
from services.privacy.audit.chain import NO_ENTRIES, ChainKeys, Head, Signed
from services.privacy.audit.continuing import is_signed
from services.privacy.audit.model import SignedHead, StoredEntry
from services.privacy.audit.verification import (
    Finding,
    Place,
    Problem,
    verify_checkpoint,
    verify_end,
    verify_part,
)
from services.privacy.settings import PrivacySettings
from tests.support.clocks import NOW_US

FIRST, SECOND, THIRD = b"the-first-key-of-all", b"the-second-key-of-all", b"the-third-key-of-all"
OLD, ALL = ChainKeys(FIRST), ChainKeys(THIRD, SECOND, FIRST)


def _chained(makers: Sequence[ChainKeys]) -> list[StoredEntry]:
    """Entries chained one after the other, each by a process with these keys."""
    head, entries = NO_ENTRIES, []
    for number, keys in enumerate(makers):
        entry = AuditEntry(
            "chess",
            uuid.UUID(int=number),
            NOW_US,
            Caller("suite token"),
            Action.AUDIT_READ,
            Outcome.DONE,
        )
        link = keys.link(entry, head)
        head = Head(link.sequence, link.hash)
        entries.append(StoredEntry(entry, link))
    return entries


def _place(stored: StoredEntry, key: int) -> Place:
    assert stored.link
    return Place(Head(stored.link.sequence, stored.link.hash), key)


SECOND_KEYS = ChainKeys(SECOND, FIRST)


def test_entries_of_all_keys_verify_in_the_order_in_which_these_were_in_use() -> None:
    entries = _chained([OLD, OLD, SECOND_KEYS, ALL])
    part = verify_part(ALL, Place(), entries, {})
    assert (part.finding, part.place) == (None, _place(entries[3], 2))
    # In parts as well: which key was last in use goes on with the place.
    first = verify_part(ALL, Place(), entries[:3], {})
    assert first.place == _place(entries[2], 1)
    assert verify_part(ALL, first.place, entries[3:], {}).finding is None


def test_without_an_earlier_key_its_entries_do_not_verify() -> None:
    entries = _chained([OLD, ALL])
    finding = verify_part(ChainKeys(THIRD), Place(), entries, {}).finding
    assert finding == Finding(Problem.CHANGED, 1, str(entries[0].entry.entry_id))


def test_a_key_that_is_not_in_use_any_more_makes_no_entry_that_verifies() -> None:
    """Who got hold of it can add nothing behind what a later one made."""
    entries = _chained([OLD, SECOND_KEYS, OLD])
    finding = verify_part(ALL, Place(), entries, {}).finding
    assert finding == Finding(Problem.CHANGED, 3, str(entries[2].entry.entry_id))
    first = verify_part(ALL, Place(), entries[:2], {})
    assert verify_part(ALL, first.place, entries[2:], {}).finding == finding


def test_the_head_is_signed_with_the_key_of_the_last_entry_or_a_later_one() -> None:
    entries = _chained([OLD, SECOND_KEYS])
    end = _place(entries[1], 1)
    for keys, is_right in ((OLD, False), (SECOND_KEYS, True), (ALL, True)):
        signed = SignedHead(end.last, keys.signature("chess", end.last))
        expected = None if is_right else Finding(Problem.HEAD_FORGED, 2)
        assert verify_end(ALL, "chess", end, signed, {}) == expected


def test_the_signature_of_a_head_is_none_of_a_checkpoint() -> None:
    head = _place(_chained([OLD])[0], 0).last
    parts = [b"checkpoint", b"chess", b"1", head.hash]
    message = b"".join(str(len(part)).encode() + b":" + part for part in parts)
    by_hand = hmac.new(FIRST, message, hashlib.sha256).digest()
    assert OLD.signature("chess", head, Signed.CHECKPOINT) == by_hand
    # An earlier key's is right, since pruning may be a year ago.
    assert verify_checkpoint(ALL, "chess", SignedHead(head, by_hand)) is None
    assert verify_checkpoint(ALL, "chess", None) is None
    forged = SignedHead(head, OLD.signature("chess", head))
    assert verify_checkpoint(ALL, "chess", forged) == Finding(Problem.CHECKPOINT_FORGED, 1)
    assert not is_signed(ALL, "chess", SignedHead(head, by_hand))


def _settings(key: bytes, earlier: str) -> PrivacySettings:
    return PrivacySettings(audit_key=SecretStr(key.decode()), audit_earlier_keys=SecretStr(earlier))


def test_earlier_keys_come_from_a_setting_the_newest_first() -> None:
    settings = _settings(THIRD, f" {SECOND.decode()}  {FIRST.decode()}\n")
    entries = _chained([OLD, SECOND_KEYS, ALL])
    assert verify_part(settings.chain_keys(), Place(), entries, {}).place.key == 2
    keys = THIRD, SECOND, FIRST
    receipts = [hmac.new(key, b"receipts of consent", hashlib.sha256).digest() for key in keys]
    assert settings.receipt_keys() == receipts
    with pytest.raises(ConfigurationError, match="WEIR_PRIVACY_AUDIT_EARLIER_KEYS"):
        _settings(THIRD, "short").chain_keys()
    with pytest.raises(ConfigurationError, match="WEIR_PRIVACY_AUDIT_KEY must not have blanks"):
        _settings(b"a key of several words", "").chain_keys()
