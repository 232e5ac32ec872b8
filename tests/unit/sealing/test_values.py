"""Sealed values of events: their stored form, read by other code, and where they can be opened."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.sealing.values import DataKey, Place, is_sealed, open_properties, seal_properties

KEY_ID, SECRET = bytes(range(16)), bytes(range(32))
KEY = DataKey(KEY_ID, SECRET)
PERSON, EVENT = b"p" * 16, b"e" * 16
PLACE = Place("chess", PERSON, EVENT)
VALUES = ["Ann's mail", "", 5, 2**70, 0.1, True, ["a", None], {"deep": {"er": "ä\u2028"}}]


def keys(key_id: bytes) -> DataKey | None:
    return KEY if key_id == KEY_ID else None


def test_the_stored_form_is_the_documented_one() -> None:
    stored = seal_properties({"mail": "ann@example.org", "score": 7}, {"mail"}, KEY, PLACE)
    assert stored["score"] == 7
    [(mark, text)] = stored["mail"].items()
    assert mark == "$sealed"
    version, key_id, encoded = text.split(".")
    assert (version, key_id) == ("v1", "000102030405060708090a0b0c0d0e0f")
    sealed = base64.urlsafe_b64decode(encoded)
    place = b"weir/sealed/v1\x00chess\x00" + PERSON + EVENT + b"mail"
    plain = AESGCM(SECRET).decrypt(sealed[:12], sealed[12:], place)
    assert json.loads(plain) == "ann@example.org"


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_json_value_comes_back_as_it_was(value: Any) -> None:
    stored = json.loads(json.dumps(seal_properties({"x": value}, {"x"}, KEY, PLACE)))
    assert is_sealed(stored["x"])
    assert open_properties(stored, keys, PLACE) == {"x": value}


def test_null_says_nothing_and_stays() -> None:
    assert seal_properties({"x": None}, {"x"}, KEY, PLACE) == {"x": None}


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place("arena", PERSON, EVENT),
        Place("chess", b"q" * 16, EVENT),
        Place("chess", PERSON, b"f" * 16),
    ],
)
def test_a_value_that_was_copied_is_not_opened(elsewhere: Place) -> None:
    stored = seal_properties({"mail": "secret"}, {"mail"}, KEY, PLACE)
    assert open_properties(stored, keys, elsewhere) == stored
    assert open_properties({"other": stored["mail"]}, keys, PLACE) == {"other": stored["mail"]}


def test_without_the_key_a_value_stays_as_it_is_stored() -> None:
    stored = seal_properties({"mail": "secret", "a": 1}, {"mail"}, KEY, PLACE)
    assert open_properties(stored, lambda _: None, PLACE) == stored


@pytest.mark.parametrize(
    "value",
    [
        {"$sealed": "v1"},
        {"$sealed": "v2.000102030405060708090a0b0c0d0e0f.AAAA"},
        {"$sealed": "v1.000102030405060708090a0b0c0d0e0g.AAAA"},
        {"$sealed": "v1.000102030405060708090a0b0c0d0e0f.AAA"},
        {"$sealed": "v1.000102030405060708090a0b0c0d0e0f.AAAA"},
        {"$sealed": 5},
        {"$sealed": "v1.000102030405060708090a0b0c0d0e0f.AAAA", "more": 1},
        "v1.000102030405060708090a0b0c0d0e0f.AAAA",
    ],
    ids=repr,
)
def test_what_only_looks_sealed_stays(value: Any) -> None:
    assert open_properties({"x": value}, keys, PLACE) == {"x": value}


def test_a_sender_cannot_have_another_value_opened() -> None:
    """What looks sealed when it arrives is sealed like any other value."""
    other = KEY.seal("of another event", Place("chess", PERSON, b"f" * 16).of("mail"))
    stored = seal_properties({"mail": other}, {"mail"}, KEY, PLACE)
    assert open_properties(stored, keys, PLACE) == {"mail": other}
