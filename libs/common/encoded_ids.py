"""How an id stands in texts whose senders have encoded it. Pure.

Base64 makes four characters of three bytes, so an id has three forms in it, by its place among the bytes that
are encoded with it. Of each form those characters count that no neighbour changes. In hexadecimal digits, and
percent-encoded as in a URL, each byte stands for itself.
"""

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote

# Of Base64, standard and safe in URLs; missing if a text was cut there.
_CHARACTER = "[A-Za-z0-9+/_-]?"
_URL_SAFE = str.maketrans("+/", "-_")
# What is left as it is: by RFC 3986, by JavaScript's encodeURIComponent, and by its encodeURI.
_UNENCODED = ("", "!'()*", "!'()*;/?:@&=+$,#")
_ENCODED_BYTE = re.compile("%..")


def encoded_forms(text: str) -> tuple[str, ...]:
    """Texts of which one stands in each text with an encoded id: in Base64, standard or safe in URLs, of any
    bytes that contain its UTF-8; in hexadecimal digits, all lower or all upper case; percent-encoded.
    Without the id itself."""
    content = text.encode()
    return (*(form for form, _, _ in _in_base64(content)), *_byte_by_byte(text, content))


def encoded_pattern(text: str) -> re.Pattern[str]:
    """Finds each encoded id, with the characters of Base64 that hold parts of its first and last byte, and
    with the padding behind it."""
    content = text.encode()
    patterns = [
        f"{_CHARACTER * cut_before}{re.escape(form)}{_CHARACTER * cut_behind}={{0,2}}"
        for form, cut_before, cut_behind in _in_base64(content)
    ]
    return re.compile("|".join((*patterns, *map(re.escape, _byte_by_byte(text, content)))))


def _in_base64(content: bytes) -> Iterator[tuple[str, bool, bool]]:
    """Each form, and whether the character before it, and the one behind, has some bits of the content."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + content).decode()
        bits = 8 * (before + len(content))
        # From the first to the last character that has bits of nothing else.
        form = encoded[-(-8 * before // 6) : bits // 6]
        yield form, before > 0, bits % 6 > 0
        if "+" in form or "/" in form:
            yield form.translate(_URL_SAFE), before > 0, bits % 6 > 0


def _byte_by_byte(text: str, content: bytes) -> Iterator[str]:
    digits = content.hex()
    yield digits
    if digits != (upper := digits.upper()):
        yield upper
    if quote(text, "") != text:
        upper_case = [quote(text, safe) for safe in _UNENCODED]
        lower_case = [_ENCODED_BYTE.sub(lambda found: found[0].lower(), one) for one in upper_case]
        yield from (one for one in dict.fromkeys((*upper_case, *lower_case)) if one != text)
