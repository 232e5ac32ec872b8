"""Finds personal data in texts: e-mail addresses, telephone numbers, IP addresses, and tokens in URLs.

Forms that are more often something else are not found: a telephone number without its country, unless its
name says what it is; a version number with four parts; a truncated IP address.
"""

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What was found."""

    EMAIL = "email"
    PHONE = "phone"
    IP = "ip"
    TOKEN = "token"


WORDS: Mapping[Kind, str] = {
    Kind.EMAIL: "an e-mail address",
    Kind.PHONE: "a telephone number",
    Kind.IP: "an IP address",
    Kind.TOKEN: "a token or a password",
}


class Found(NamedTuple):
    """Personal data in a text, from character `start` to `end`."""

    start: int
    end: int
    kind: Kind


# At the `@` of an address: what precedes it, what follows, and what only looks like that (`icon@2x.png`).
_AT = re.compile("@|%40")
_LOCAL = re.compile(r"[\w.!#$'*+^`{|}~-]{1,64}$")
_DOMAIN = re.compile(
    r"(?![\d.]+x\.)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-zA-Z\d-]{2,59}|[^\W\d_]{2,24})(?![\w-])"
)
# E.164, with at least eight digits. After a point it would be a coordinate, after a letter Base64.
_PHONE = re.compile(r"(?<![\w/+=.,-])\+[1-9](?:[ ()/-]{0,2}\d){7,14}(?!\d|\.\d)")
# The same as a part of a URL.
_ENCODED_PHONE = re.compile(
    r"(?<![\w%])%2B[1-9](?:(?:%2[089]|[ ()/-]){0,2}\d){7,14}(?![\w+/=]|%2[BF]|\.\d)", re.IGNORECASE
)
_TEL = re.compile(r"\btel:[\d()+ -]{7,24}", re.IGNORECASE)
_PHONE_NAME = re.compile("phone|msisdn")
_PHONE_ALONE = re.compile(r"\+?[\d ()./-]{7,24}")
_PHONE_DIGITS = range(7, 16)
# After a single slash a version follows, as in `Chrome/120.0.1.2`; after two, the host of a URL.
_IPV4 = re.compile(r"(?<![\w.-])(?<!(?<!/)/)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_VERSION_BEFORE = re.compile(r"(?:version|release|build|firmware|v\.?)[ :=]*$", re.IGNORECASE)
_VERSION_NAME = re.compile("version|release|build|firmware")
# Of those that are routed, which begin with 2 or 3.
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?![\w:])")
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
# Of a URL, or of one that is the value of another's parameter.
_BEFORE_NAME = r"(?:(?<=[?&#;])|(?<=%3F)|(?<=%26)|(?<=%23)|(?<=%3B))"
_PARAMETER = re.compile(
    _BEFORE_NAME
    + r"(?:[a-z0-9_-]{0,40}(?:token|secret|signature|password|passwd|pwd|api[_-]?key|sess(?:ion)?[_-]?id)"
    r"|sid|sig|jwt|auth)(?:=|%3D)((?:(?!%26|%23|%3B)[^&#;\s\"'<>]){4,})",
    re.IGNORECASE,
)
_PHONE_PARAMETER = re.compile(
    _BEFORE_NAME + r"[a-z0-9_-]{0,40}(?:phone|msisdn)[a-z0-9_-]{0,20}(?:=|%3D)"
    r"((?:%2[0-9BDF]|[\d ()./+-]){7,40})(?![\w%])",
    re.IGNORECASE,
)
_ENCODED = re.compile("%..")
_USER_INFO = re.compile(r"(?<=://)[^\s/?#@:\"]{1,128}:[^\s/?#@\"]{1,128}(?=@)")


def is_suspect(raw: bytes) -> bool:
    """Whether a text, as UTF-8 or as JSON without escapes, may hold any of it: without a character that each
    kind needs it does not."""
    dots = raw.count(b".")
    # Beside those of JSON, which follow a name.
    colons = raw.count(b":") - raw.count(b'":')
    if b"@" in raw or b"+" in raw or b"=" in raw or dots > 2 or colons > 1:
        return True
    # Names, and what is encoded, may be in letters of either case.
    lower = raw.lower()
    return (
        b"hone" in lower
        or b"msisdn" in lower
        # Longer texts cost more to look for than the character that they are rarely found without.
        or (dots == 2 and b"eyJ" in raw)
        or (colons == 1 and b"tel:" in lower)
        or (b"%" in raw and (b"%40" in raw or b"%3d" in lower or b"%2b" in lower))
    )


def find(text: str, name: str = "") -> list[Found]:
    """What a text holds, in its order and without overlaps; `name` is what it is called."""
    name = name.lower()
    if _PHONE_NAME.search(name) and _is_phone(text):
        return [Found(0, len(text), Kind.PHONE)]
    found = [*_tokens(text), *_emails(text), *_phones(text), *_addresses(text, name)]
    kept: list[Found] = []
    # Of two that overlap, the one that begins first, and is the longer.
    for one in sorted(found, key=lambda each: (each.start, -each.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def is_phone_number(number: float, name: str) -> bool:
    """Whether a number is called a telephone number, and can be one."""
    return bool(_PHONE_NAME.search(name.lower())) and _is_phone(f"{number:.0f}")


def redacted(text: str, found: list[Found]) -> str:
    """The text with `[email]` and the like in the place of what was found."""
    parts, end = [], 0
    for one in found:
        parts += [text[end : one.start], f"[{one.kind}]"]
        end = one.end
    return "".join((*parts, text[end:]))


class Cleaning:
    """Copies values without personal data, and notes the places that had any."""

    def __init__(self, known: Collection[str]) -> None:
        """`known` are the properties that may have it."""
        self._known = known
        self.found: list[tuple[tuple[str, ...], Kind]] = []

    def clean_properties(self, properties: dict[str, Any]) -> dict[str, Any]:
        """All properties of an event."""
        return {
            self.clean_text(name, "", ("properties", name)): value
            if name in self._known
            else self.clean(value, name, ("properties", name))
            for name, value in properties.items()
        }

    def clean(self, value: Any, name: str, path: tuple[str, ...]) -> Any:
        """A JSON value that is called `name`, and stands at `path`."""
        kind = type(value)
        if kind is str:
            return self.clean_text(value, name, path)
        if kind is dict:
            return {
                self.clean_text(key, "", path): self.clean(inner, key, path)
                for key, inner in value.items()
            }
        if kind is list:
            return [self.clean(inner, name, path) for inner in value]
        if (kind is int or kind is float) and is_phone_number(value, name):
            self.found.append((path, Kind.PHONE))
            return f"[{Kind.PHONE}]"
        return value

    def clean_text(self, text: str, name: str, path: tuple[str, ...]) -> str:
        """The same of a text."""
        found = find(text, name)
        if not found:
            return text
        self.found += [(path, one.kind) for one in found]
        return redacted(text, found)


def _is_phone(text: str) -> bool:
    return _PHONE_ALONE.fullmatch(text) is not None and sum(map(str.isdigit, text)) in _PHONE_DIGITS


def _tokens(text: str) -> Iterator[Found]:
    if "eyJ" in text:
        yield from (Found(*each.span(), Kind.TOKEN) for each in _JWT.finditer(text))
    if "=" in text or "%" in text:
        yield from (Found(*each.span(1), Kind.TOKEN) for each in _PARAMETER.finditer(text))
    if "://" in text:
        yield from (Found(*each.span(), Kind.TOKEN) for each in _USER_INFO.finditer(text))


def _emails(text: str) -> Iterator[Found]:
    for at in _AT.finditer(text):
        local = _LOCAL.search(text[max(0, at.start() - 64) : at.start()])
        domain = _DOMAIN.match(text, at.end())
        if local is not None and domain is not None:
            yield Found(at.start() - len(local[0]), domain.end(), Kind.EMAIL)


def _phones(text: str) -> Iterator[Found]:
    if "+" in text:
        yield from (Found(*each.span(), Kind.PHONE) for each in _PHONE.finditer(text))
    if ":" in text:
        yield from (Found(*each.span(), Kind.PHONE) for each in _TEL.finditer(text))
    if "%" in text:
        yield from (Found(*each.span(), Kind.PHONE) for each in _ENCODED_PHONE.finditer(text))
    if "=" in text or "%" in text:
        for each in _PHONE_PARAMETER.finditer(text):
            if sum(map(str.isdigit, _ENCODED.sub("", each[1]))) in _PHONE_DIGITS:
                yield Found(*each.span(1), Kind.PHONE)


def _addresses(text: str, name: str) -> Iterator[Found]:
    if text.count(".") > 2 and not _VERSION_NAME.search(name):
        for each in _IPV4.finditer(text):
            before = text[max(0, each.start() - 12) : each.start()]
            if _identifies(each[0]) and not _VERSION_BEFORE.search(before):
                yield Found(*each.span(), Kind.IP)
    if text.count(":") > 1:
        yield from (
            Found(*each.span(), Kind.IP) for each in _IPV6.finditer(text) if _identifies(each[0])
        )


def _identifies(text: str) -> bool:
    """Whether a text is the address of one host: not that of a network, as truncated ones are, or of one's
    own machine."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    host_bits = 80 if address.version == 6 else 8
    return not address.is_loopback and int(address) % 2**host_bits != 0
