"""What is found in a text, and what is not: ids, coordinates, times and versions look alike."""

import ipaddress
import string
import uuid
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.personal_data import find, is_phone_number, is_suspect, redacted

FOUND = {
    "ann@example.com": "[email]",
    "write to Ann.B+news@mail.example.co.uk, please": "write to [email], please",
    "mailto:ann@example.com?subject=x": "mailto:[email]?subject=x",
    "/invite?to=ann%40example.com": "/invite?to=[email]",
    "<ann@exämple.de>": "<[email]>",
    "a@b.example,c@d.example": "[email],[email]",
    "+5511987654321": "[phone]",
    "call +49 (171) 123-4567 now": "call [phone] now",
    "tel:0171-1234567": "[phone]",
    "TEL:0171-1234567": "[phone]",
    "wa.example/?to=%2B5511987654321": "wa.example/?to=[phone]",
    "/call?userPhone=0171%201234567&x=1": "/call?userPhone=[phone]&x=1",
    "/call?phone=+5511987654321": "/call?phone=[phone]",
    "ann@example.xn--p1ai": "[email]",
    "203.0.113.77": "[ip]",
    "from 192.168.1.17:8080": "from [ip]:8080",
    "http://198.51.100.23/x": "http://[ip]/x",
    "2001:db8::7": "[ip]",
    "2001:db8:1234:5678:9abc:def0:1234:5678": "[ip]",
    "https://x.example/r?access_token=s3cr3t-value&x=1": "https://x.example/r?access_token=[token]&x=1",
    "/reset?token=abcdef": "/reset?token=[token]",
    "/a#id_token=abcdef": "/a#id_token=[token]",
    "/app?accessToken=abcdef&refreshToken=ghijkl": "/app?accessToken=[token]&refreshToken=[token]",
    "/f?X-Amz-Security-Token=abcdef": "/f?X-Amz-Security-Token=[token]",
    "/shop;jsessionid=0A1B2C3D": "/shop;jsessionid=[token]",
    "/login?next=%2Freset%3Ftoken%3Dabcdef%26x%3D1": "/login?next=%2Freset%3Ftoken%3D[token]%26x%3D1",
    "%2Freset%3ftoken%3dabcdef": "%2Freset%3ftoken%3d[token]",
    "/f?X-Amz-Signature=abcdef0123": "/f?X-Amz-Signature=[token]",
    "/login?user=x&password=hunter22": "/login?user=x&password=[token]",
    "https://ann:hunter2@x.example/": "https://[token]@x.example/",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln": "[token]",
}
CLEAN = [
    *("550e8400-e29b-41d4-a716-446655440000", "evt_1234567890abcdef", "G-01542-quiz", "usr_12345"),
    *("20260114123045", "5511987654321", "0171 1234567", "123-456-7890", "4111 1111 1111 1111"),
    *("+48.858222+002.294500/", "48.8584, 2.2945", "-33.8688,+151.2093", "geo:37.78,-122.39"),
    *("2026-01-14T15:00:00.000Z", "2026-01-14T15:00:00+02:00", "10:00:00", "2026:01:14 15:00:00"),
    *("Mon Apr 27 2026 10:00:00 GMT+0200 (CEST)", "UTC+2", "P1DT2H", "+55", "+1-800"),
    *("1.2.3", "120.0.0.0", "v1.2.3.4", "version 1.2.3.4", "Chrome/120.0.1.2", "1.3.6.1.4.1.311"),
    *("203.0.113.0", "2001:db8:1234::", "127.0.0.1", "999.1.1.1", "aa:bb:cc:dd:ee:ff", "std::abs"),
    *("icon@2x.png", "react@18.2.0", "@scope/pkg", "ann@localhost", "a@b", "50% @ home"),
    *("/page?assignment=asg_789&sort=asc", "token", "a=b", "1+2=3", "q=token", "/x?author=ann"),
    *("/m?microphone=1&step=2", "/x?phone=%2B55", "/x?tokens=12345"),
    *("GMT%2B0200", "%2B48.858222%2B002.294500"),
    *("https://x.example/student/assignment-play?game=G-01542#top", "c2FtcGxlK3Rl+12345678xyz=="),
]


@pytest.mark.parametrize("text", FOUND)
def test_personal_data_is_found_where_it_stands(text: str) -> None:
    assert redacted(text, find(text)) == FOUND[text]
    assert is_suspect(text.encode())
    assert is_suspect(orjson.dumps({"a": {"b": [text]}}))


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    "name", ["phone", "phone_number", "userPhone", "msisdn", "PHONE", "MSISDN"]
)
def test_a_name_says_that_digits_are_a_telephone_number(name: str) -> None:
    assert redacted("0171 1234567", find("0171 1234567", name)) == "[phone]"
    assert is_phone_number(5511987654321, name)
    assert is_suspect(orjson.dumps({name: "0171 1234567"}))
    assert is_suspect(orjson.dumps({name: 5511987654321}))
    assert not find("+55", f"{name}_prefix")
    assert not is_phone_number(55, name)
    assert not is_phone_number(5511987654321, "score")


@pytest.mark.parametrize("name", ["version", "appVersion", "build", "firmware_version"])
def test_a_name_says_that_numbers_are_a_version(name: str) -> None:
    assert find("10.15.7.1", name) == []
    assert find("10.15.7.1", "host") != []


WORDS = st.text(string.ascii_letters + " /?&", max_size=20)


@given(
    WORDS,
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,20}@mail\.example\.org", fullmatch=True),
    WORDS,
)
def test_any_address_of_plain_characters_is_found(before: str, email: str, after: str) -> None:
    text = f"{before} {email} {after}"
    found = find(text)
    assert [one.kind for one in found] == ["email"]
    assert email[-18:] not in redacted(text, found)


@given(st.ip_addresses())
def test_the_address_of_any_host_is_found(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    routed = address.version == 4 or str(address)[0] in "23"
    network = int(address) % 2 ** (80 if address.version == 6 else 8) == 0
    expected = [] if network or address.is_loopback or not routed else ["ip"]
    if address.version == 6 and len(str(address).split(":")[0]) < 4:
        return
    assert [one.kind for one in find(f"from {address} today")] == expected


@given(
    st.one_of(
        st.uuids().map(str),
        st.integers().map(str),
        st.floats(allow_nan=False).map(repr),
        st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        st.datetimes(timezones=st.integers(-12, 14).map(lambda h: timezone(timedelta(hours=h)))).map(
            datetime.isoformat
        ),
        st.tuples(st.floats(-90, 90), st.floats(-180, 180)).map(lambda at: f"{at[0]:+f}{at[1]:+f}/"),
        st.binary(max_size=20).map(bytes.hex),
        st.uuids().map(lambda one: uuid.UUID(int=one.int).hex),
        st.tuples(*[st.integers(0, 999)] * 3).map(lambda parts: ".".join(map(str, parts))),
    )
)  # fmt: skip
def test_ids_numbers_times_and_coordinates_never_are(text: str) -> None:
    assert find(text) == []
