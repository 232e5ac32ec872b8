"""Addresses are cut, people become pseudonyms that only the key's holder can work out."""

import hashlib
import hmac
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.pseudonym import Pseudonymizer
from services.ingest.intake.addresses import truncate_ip
from services.ingest.intake.anonymization import Anonymizer

SECRET = b"sixteen bytes or more"


@pytest.mark.parametrize(
    ("address", "truncated"),
    [
        ("192.0.2.77", "192.0.2.0"),
        ("10.1.2.0", "10.1.2.0"),
        ("255.255.255.255", "255.255.255.0"),
        ("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234::"),
        ("2001:DB8:1:2::3", "2001:db8:1::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        # IPv4 in IPv6's clothes: the first 48 bits of 6to4 hold all of 192.0.2.77.
        ("::ffff:192.0.2.77", "192.0.2.0"),
        ("2002:c000:24d::1", "192.0.2.0"),
    ],
)
def test_an_address_is_truncated(address: str, truncated: str) -> None:
    assert truncate_ip(address) == truncated


@pytest.mark.parametrize(
    "rubbish",
    [
        "",
        "x",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.77:80",
        " 192.0.2.77",
        "192.0.2.77\x00",
        "1" * 9000,
        "192.0.2.77, 198.51.100.1",
        "2001:db8::1::2",
        "٣.1.1.1",
        "192.0.2.77/32",
        "2001:db8::1/128",
    ],
)
def test_what_is_no_address_is_dropped(rubbish: str) -> None:
    assert truncate_ip(rubbish) == ""


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_its_first_48_bits(address: ipaddress.IPv6Address) -> None:
    embedded = address.ipv4_mapped or address.sixtofour
    expected = (
        ipaddress.ip_network((embedded, 24), strict=False)
        if embedded
        else ipaddress.ip_network((address, 48), strict=False)
    )
    assert truncate_ip(str(address)) == str(expected.network_address)
    assert truncate_ip(address.exploded) == str(expected.network_address)


def _expected(text: str, *, app_id: str = "chess", epoch: int = 1) -> str:
    key = hmac.new(SECRET, f"weir/{app_id}/{epoch}".encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def test_a_pseudonym_is_an_hmac_under_a_key_of_the_app_and_the_epoch() -> None:
    pseudonymizer = Pseudonymizer(SECRET)
    assert pseudonymizer.pseudonym("chess", "12345") == _expected("12345")
    assert pseudonymizer.pseudonym("go", "12345") == _expected("12345", app_id="go")
    assert Pseudonymizer(SECRET, 2).pseudonym("chess", "12345") == _expected("12345", epoch=2)


def test_persons_sessions_and_stand_ins_have_pseudonyms_of_their_own() -> None:
    anonymizer = Anonymizer(Pseudonymizer(SECRET))
    assert anonymizer.subject("chess", "7") == _expected("7")
    assert anonymizer.session("chess", "7") == _expected("session\x007")
    assert anonymizer.anonymous_id("chess", "7") == _expected("anonymous\x007")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Pseudonymizer(b"fifteen bytes..")
