"""Wrapping keys: how they are written down, and that the keys of people outlive their rotation."""

import base64
from pathlib import Path

import pytest

from libs.sealing.keyring import (
    FileKeyring,
    KeyringError,
    LocalKeyring,
    PlainKey,
    new_wrapping_key_line,
    read_wrapping_keys,
)

OLD = f"old:{base64.b64encode(b'o' * 32).decode()}"
NEW = f"new:{base64.urlsafe_b64encode(bytes([255]) * 32).decode()}"
KEYS = [PlainKey(b"ann" + bytes(29), b"row of ann"), PlainKey(b"bob" + bytes(29), b"row of bob")]


def keyring(text: str) -> LocalKeyring:
    return LocalKeyring(read_wrapping_keys(text, "KEYS"))


async def test_keys_are_unwrapped_in_their_own_rows_only() -> None:
    ring = keyring(OLD)
    ann, bob = await ring.wrap(KEYS)
    assert b"ann" not in ann.wrapped
    assert await ring.unwrap([(bob, b"row of bob"), (ann, b"row of ann")]) == [
        KEYS[1].secret,
        KEYS[0].secret,
    ]
    with pytest.raises(KeyringError, match="cannot be unwrapped"):
        await ring.unwrap([(ann, b"row of bob")])


async def test_the_first_key_wraps_and_all_unwrap() -> None:
    [wrapped, _] = await keyring(OLD).wrap(KEYS)
    both = keyring(f"# since yesterday\n{NEW}\n{OLD}  # until all is wrapped anew\n")
    assert (await both.current_id(), wrapped.wrapping_key_id) == ("new", "old")
    assert await both.unwrap([(wrapped, KEYS[0].row)]) == [KEYS[0].secret]
    [again, _] = await both.wrap(KEYS)
    assert await keyring(NEW).unwrap([(again, KEYS[0].row)]) == [KEYS[0].secret]
    assert list(await both.available(["old", "lost", "new"])) == ["old", "new"]
    with pytest.raises(KeyringError, match="`old` is missing"):
        await keyring(NEW).unwrap([(wrapped, KEYS[0].row)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "KEYS has no wrapping key"),
        ("# none\n", "KEYS has no wrapping key"),
        ("justonekey", "a wrapping key is ID:BASE64"),
        (f"a b:{'A' * 43}=", "a wrapping key is ID:BASE64"),
        ("a:not-base64!", "`a` is not 32 bytes"),
        ("a:c2hvcnQ=", "`a` is not 32 bytes"),
        (f"{OLD},{OLD}", "`old` is there twice"),
    ],
)
def test_mistakes_are_named_without_the_key(text: str, reason: str) -> None:
    with pytest.raises(KeyringError, match=reason) as raised:
        read_wrapping_keys(text, "KEYS")
    assert "c2hvcnQ" not in str(raised.value)


async def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(OLD)
    ring = FileKeyring(file)
    [wrapped, _] = await ring.wrap(KEYS)
    file.write_text(f"{NEW}\n{OLD}\n")
    assert await ring.current_id() == "new"
    assert await ring.unwrap([(wrapped, KEYS[0].row)]) == [KEYS[0].secret]
    # A file that is being written, or is gone, takes nothing away.
    file.write_text("half a li")
    assert await ring.current_id() == "new"
    file.unlink()
    assert await ring.current_id() == "new"
    file.write_text(new_wrapping_key_line())
    assert (await ring.current_id()).startswith("k")


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="No such file"):
        FileKeyring(tmp_path / "keys")
