"""Pseudonyms are HMACs, and one person has one id for all numbers."""

import hashlib
import hmac

import pytest

from libs.common.pseudonym import Pseudonymizer, person_of, persons_of, session_of

SECRET = b"0123456789abcdef"
PSEUDONYMS = Pseudonymizer(SECRET)


def _expected(text: str, *, app_id: str = "chess", epoch: int = 1) -> str:
    key = hmac.new(SECRET, f"weir/{app_id}/{epoch}".encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.parametrize(
    "text", ["", "7", "ann", "ä" * 40, "x" * 63, "x" * 64, "x" * 65, "x" * 500]
)
def test_hashes_that_have_taken_in_the_key_make_the_same_hmac(text: str) -> None:
    assert PSEUDONYMS.pseudonym("chess", text) == _expected(text)
    assert PSEUDONYMS.pseudonym("go", text) == _expected(text, app_id="go")


def test_all_epochs_are_those_up_to_now() -> None:
    later = Pseudonymizer(SECRET, epoch=3)
    epochs = [_expected("ann", epoch=epoch) for epoch in (3, 2, 1)]
    assert later.all_epochs("chess", "ann") == epochs
    assert later.pseudonym("chess", "ann") == epochs[0]
    assert PSEUDONYMS.all_epochs("chess", "ann") == epochs[2:]


def test_whom_an_erasure_may_have_known_an_event_by() -> None:
    later = Pseudonymizer(SECRET, epoch=2)
    epochs = [_expected("ann", epoch=2), _expected("ann")]
    assert list(persons_of(later, "chess", "ann", "a-1")) == epochs
    assert list(persons_of(later, "chess", "", epochs[1])) == epochs[1:]
    assert list(persons_of(later, "chess", "", None)) == []


def test_a_person_is_one_with_and_without_consent() -> None:
    ann = _expected("ann")
    assert person_of(PSEUDONYMS, "chess", "ann", "") == ann
    # What ingest stores after she has withdrawn.
    assert person_of(PSEUDONYMS, "chess", "", ann) == ann
    # And if a producer sent an id of its own beside hers.
    assert person_of(PSEUDONYMS, "chess", "ann", _expected("anonymous\x00a-1")) == ann
    assert person_of(PSEUDONYMS, "go", "ann", None) != ann


def test_an_anonymous_id_of_the_app_is_no_subject() -> None:
    stored = _expected("anonymous\x00ann")
    assert person_of(PSEUDONYMS, "chess", None, stored) == stored != _expected("ann")
    # As an event from before ingest replaced all of them has it.
    assert person_of(PSEUDONYMS, "chess", "", "ann") == stored
    assert person_of(PSEUDONYMS, "chess", "", "A" * 32) == _expected("anonymous\x00" + "A" * 32)


@pytest.mark.parametrize("nothing", ["", None])
def test_an_event_about_no_person_has_none(nothing: str | None) -> None:
    assert person_of(PSEUDONYMS, "chess", nothing, nothing) == ""


@pytest.mark.parametrize("session", ["s1", "3fa85f6457174562b3fc2c963f66afa6"])
def test_a_session_is_one_with_and_without_consent_and_never_the_id_of_the_app(
    session: str,
) -> None:
    replaced = _expected(f"session\x00{session}")
    same = _expected(f"session\x00{replaced}")
    # As its events come before and after its person withdraws.
    assert session_of(PSEUDONYMS, "chess", "ann", "", session) == same
    assert session_of(PSEUDONYMS, "chess", "", _expected("ann"), replaced) == same
    # With an id of the app beside the person's, and of an event that names no person.
    assert session_of(PSEUDONYMS, "chess", "ann", _expected("anonymous\x00a"), session) == same
    assert session_of(PSEUDONYMS, "chess", None, None, session) == same
    # A visitor's, which may look as if ingest had replaced it.
    assert session_of(PSEUDONYMS, "chess", "", _expected("anonymous\x00a"), session) != session
    assert session_of(PSEUDONYMS, "go", "ann", "", session) != same


@pytest.mark.parametrize("session", ["s1", "3fa85f64-5717-4562-b3fc-2c963f66afa6"])
def test_a_session_that_is_stored_hashed_is_the_one_from_before_it_was(session: str) -> None:
    hashed = _expected(f"session\x00{session}")
    same = session_of(PSEUDONYMS, "chess", "ann", "", session)
    # As sent before the catalog asked for hashes, hashed with consent, without, and of no person.
    for subject, anonymous, stored in (
        ("ann", "", session),
        ("ann", "", hashed),
        ("", _expected("ann"), hashed),
        ("", "", hashed),
    ):
        found = session_of(PSEUDONYMS, "chess", subject, anonymous, stored, is_hashed=True)
        assert found == same


@pytest.mark.parametrize("nothing", ["", None])
def test_an_event_of_no_session_has_none(nothing: str | None) -> None:
    assert session_of(PSEUDONYMS, "chess", "ann", None, nothing) == ""
