"""The chain of the audit trail, and what verification finds when it was tampered with."""

import hashlib
import hmac
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from libs.audit import Action, AuditEntry, Caller, Outcome
from services.privacy.audit.chain import BEGINNING, NO_ENTRIES, ChainKeys, Head, parse_head
from services.privacy.audit.continuing import first_head
from services.privacy.audit.model import SignedHead, StoredEntry
from services.privacy.audit.verification import (
    Finding,
    Part,
    Place,
    Problem,
    verify_end,
    verify_part,
)
from tests.support.clocks import NOW_US

SECRET = b"the key of the trail"
KEYS = ChainKeys(SECRET)
CALLER = Caller("suite token", "req-1", "4bf92f3577b34da6a3ce929d0e0e4736")


def _entry(number: int) -> AuditEntry:
    return AuditEntry(
        app_id="chess",
        entry_id=uuid.UUID(int=number),
        occurred_at_us=NOW_US + number,
        caller=CALLER,
        action=Action.CONSENT_RECORDED,
        outcome=Outcome.DONE,
        subject="ab" * 16,
        details={"version": number, "granted": ["telemetry"]},
    )


def _chained(count: int, after: Head = NO_ENTRIES) -> list[StoredEntry]:
    entries = []
    for number in range(after.sequence + 1, after.sequence + count + 1):
        entry = _entry(number)
        link = KEYS.link(entry, after)
        after = Head(link.sequence, link.hash)
        entries.append(StoredEntry(entry, link))
    return entries


def _head(stored: StoredEntry) -> Head:
    assert stored.link
    return Head(stored.link.sequence, stored.link.hash)


def _signed(head: Head) -> SignedHead:
    return SignedHead(head, KEYS.signature("chess", head))


def test_a_hash_is_the_hmac_of_the_entry_its_place_and_the_hash_before() -> None:
    """Worked out here by the parts that ADR 46 lists, each behind its length."""
    link = KEYS.link(_entry(7), Head(6, b"\x01" * 32))
    parts = [
        b"entry",
        b"chess",
        b"7",
        uuid.UUID(int=7).bytes,
        str(NOW_US + 7).encode(),
        b"suite token",
        b"req-1",
        b"4bf92f3577b34da6a3ce929d0e0e4736",
        b"consent.recorded",
        b"done",
        b"ab" * 16,
        b"",
        b'{"granted":["telemetry"],"version":7}',
        b"\x01" * 32,
    ]
    message = b"".join(str(len(part)).encode() + b":" + part for part in parts)
    assert (link.sequence, link.previous_hash) == (7, b"\x01" * 32)
    assert link.hash == hmac.new(SECRET, message, hashlib.sha256).digest()


def test_the_order_of_details_does_not_matter() -> None:
    turned = replace(_entry(1), details={"granted": ["telemetry"], "version": 1})
    assert KEYS.link(turned, NO_ENTRIES) == KEYS.link(_entry(1), NO_ENTRIES)


def test_a_whole_chain_is_right_in_one_part_and_in_several() -> None:
    entries = _chained(5)
    assert verify_part(KEYS, Place(), entries, {}) == Part(5, Place(_head(entries[4])))
    first = verify_part(KEYS, Place(), entries[:2], {})
    assert verify_part(KEYS, first.place, entries[2:], {}) == Part(3, Place(_head(entries[4])))
    assert verify_part(KEYS, Place(), [], {}) == Part(0, Place())


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: replace(entry, app_id="go"),
        lambda entry: replace(entry, entry_id=uuid.UUID(int=99)),
        lambda entry: replace(entry, occurred_at_us=NOW_US),
        lambda entry: replace(entry, caller=Caller("another", "req-1", CALLER.trace_id)),
        lambda entry: replace(entry, caller=Caller("suite token", "req-2", CALLER.trace_id)),
        lambda entry: replace(entry, caller=Caller("suite token", "req-1", "")),
        lambda entry: replace(entry, action=Action.AUDIT_READ),
        lambda entry: replace(entry, outcome=Outcome.DENIED),
        lambda entry: replace(entry, subject=""),
        lambda entry: replace(entry, purpose="telemetry"),
        lambda entry: replace(entry, details={}),
    ],
)
def test_a_changed_entry_is_found(change: Callable[[AuditEntry], AuditEntry]) -> None:
    entries = _chained(4)
    entries[2] = StoredEntry(change(entries[2].entry), entries[2].link)
    part = verify_part(KEYS, Place(), entries, {})
    expected = Finding(Problem.CHANGED, 3, str(entries[2].entry.entry_id))
    assert part == Part(2, Place(_head(entries[1])), expected)


def test_entries_that_changed_places_are_found() -> None:
    one, two, three = _chained(3)
    swapped = [one, StoredEntry(three.entry, two.link), StoredEntry(two.entry, three.link)]
    finding = verify_part(KEYS, Place(), swapped, {}).finding
    assert finding == Finding(Problem.CHANGED, 2, str(three.entry.entry_id))


def test_a_chain_made_with_another_key_is_found() -> None:
    entries = _chained(3)
    forged = entries[1].entry
    link = ChainKeys(b"a key of another trail").link(forged, _head(entries[0]))
    finding = verify_part(KEYS, Place(), [entries[0], StoredEntry(forged, link)], {}).finding
    assert finding == Finding(Problem.CHANGED, 2, str(forged.entry_id))


def test_missing_entries_are_found_and_the_first_of_them_named() -> None:
    entries = _chained(6)
    part = verify_part(KEYS, Place(), entries[:2] + entries[4:], {})
    assert part.finding == Finding(Problem.MISSING, 3)
    begun = verify_part(KEYS, Place(), entries[1:], {})
    assert begun.finding == Finding(Problem.BEGINNING_MISSING, 1)


def test_a_known_head_must_be_in_the_chain() -> None:
    entries = _chained(3)
    right = {2: [_head(entries[1]).hash]}
    assert verify_part(KEYS, Place(), entries, right).finding is None
    differs = Finding(Problem.HEAD_DIFFERS, 2, str(entries[1].entry.entry_id))
    wrong = b"\x00" * 32
    for known in ([wrong], [*right[2], wrong], [wrong, *right[2]]):
        assert verify_part(KEYS, Place(), entries, {2: known}).finding == differs


def test_an_end_that_was_cut_off_is_found() -> None:
    entries = _chained(5)
    last, head = Place(_head(entries[2])), _signed(_head(entries[4]))
    assert verify_end(KEYS, "chess", last, head, {}) == Finding(Problem.END_MISSING, 4)
    # The head beside the entries was turned back as well, and another one is known.
    back, known = _signed(last.last), [5]
    assert verify_end(KEYS, "chess", last, back, known) == Finding(Problem.END_MISSING, 4)
    assert verify_end(KEYS, "chess", last, back, {}) is None
    assert verify_end(KEYS, "chess", Place(_head(entries[4])), head, known) is None
    assert verify_end(KEYS, "chess", Place(), None, {}) is None


def test_a_head_that_the_service_did_not_sign_is_found() -> None:
    entries = _chained(2)
    last = _head(entries[1])
    end, forged = Place(last), SignedHead(last, KEYS.signature("go", last))
    assert verify_end(KEYS, "chess", end, forged, {}) == Finding(Problem.HEAD_FORGED, 2)
    assert verify_end(KEYS, "chess", end, None, {}) == Finding(Problem.HEAD_FORGED, 2)
    # One of an earlier moment: the entry behind it was added to the tables.
    earlier = _signed(_head(entries[0]))
    assert verify_end(KEYS, "chess", end, earlier, {}) == Finding(Problem.HEAD_FORGED, 1)


def test_a_chain_goes_on_behind_the_latest_of_its_ends() -> None:
    """So that entries that were cut off leave a gap."""
    three, five = _head(_chained(3)[2]), _head(_chained(5)[4])
    assert first_head(KEYS, "chess", None, None, None) == NO_ENTRIES
    assert first_head(KEYS, "chess", _signed(five), _signed(three), five) == five
    assert first_head(KEYS, "chess", _signed(three), _signed(five), three) == five
    assert first_head(KEYS, "chess", _signed(five), None, three) == five
    unsigned = SignedHead(Head(2**62, BEGINNING), b"")
    assert first_head(KEYS, "chess", unsigned, unsigned, three) == three


def test_heads_are_read_as_they_are_written() -> None:
    head = _head(_chained(2)[1])
    assert parse_head(str(head)) == head
    for text in ("", "2", "2:", "x:" + "0" * 64, "2:" + "g" * 64, f"{head} ", "-1:" + "0" * 64):
        with pytest.raises(ValueError, match="not a head"):
            parse_head(text)
