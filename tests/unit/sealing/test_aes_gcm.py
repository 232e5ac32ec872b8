"""AES-256-GCM by the test cases of its authors (McGrew and Viega, "The Galois/Counter Mode of Operation",
appendix B, 13 to 16 of those with 256-bit keys)."""

import pytest

from libs.sealing.aes_gcm import NONCE_BYTES, Cipher, NotGenuine

ZEROS = "00" * 32
KEY = "feffe9928665731c6d6a8f9467308308" * 2
NONCE = "cafebabefacedbaddecaf888"
PLAIN = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
CIPHERTEXT = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
)
CASES = {
    13: (ZEROS, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    14: (ZEROS, "00" * 12, "", "00" * 16, "cea7403d4d606b6e074ec5d3baf39d18",
         "d0d1c8a799996bf0265b98b5d48ab919"),
    16: (KEY, NONCE, "feedfacedeadbeeffeedfacedeadbeefabaddad2", PLAIN, CIPHERTEXT,
         "76fc6ece0f4e1768cddf8853bb2d551b"),
}  # fmt: skip


@pytest.mark.parametrize("number", CASES)
def test_published_ciphertexts_are_decrypted(number: int) -> None:
    key, nonce, place, plain, ciphertext, tag = map(bytes.fromhex, CASES[number])
    assert Cipher(key).decrypt(nonce + ciphertext + tag, place) == plain


def test_a_published_plaintext_is_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    key, nonce, place, plain, ciphertext, tag = map(bytes.fromhex, CASES[16])
    monkeypatch.setattr("libs.sealing.aes_gcm.os.urandom", lambda _: nonce)
    assert Cipher(key).encrypt(plain, place) == nonce + ciphertext + tag


def test_each_message_has_a_nonce_of_its_own() -> None:
    cipher = Cipher(bytes(32))
    nonces = {cipher.encrypt(b"the same", b"")[:NONCE_BYTES] for _ in range(1_000)}
    assert len(nonces) == 1_000


def test_nothing_else_is_genuine() -> None:
    cipher = Cipher(bytes(32))
    sealed = cipher.encrypt(b"plain", b"here")
    assert cipher.decrypt(sealed, b"here") == b"plain"
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(NotGenuine):
            cipher.decrypt(bytes(changed), b"here")
    for other in (sealed[:-1], sealed + b"\x00", b"", bytes(28)):
        with pytest.raises(NotGenuine):
            cipher.decrypt(other, b"here")
    with pytest.raises(NotGenuine):
        cipher.decrypt(sealed, b"elsewhere")
    with pytest.raises(NotGenuine):
        Cipher(b"\x01" * 32).decrypt(sealed, b"here")


def test_a_key_has_256_bits() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Cipher(bytes(16))
