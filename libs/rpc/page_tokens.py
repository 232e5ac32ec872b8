"""Page tokens: where a page ended, bound to the RPC and the parameters that it belongs to.

A token is neither secret nor signed. It opens nothing: what its caller may read is decided anew by each
call. The hash in it finds tokens that are changed, cut, or sent with another call or other parameters.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from google.protobuf.message import Message

from libs.common.clock import Clock
from libs.common.errors import InvalidArgument, PageTokenExpired, PageTokenInvalid

# Time enough to read all pages, also with a night in between; short enough that no code has to understand
# tokens of an old release for long.
VALID_HOURS = 24
# By how much the clocks of two replicas may differ.
_CLOCK_SKEW_SECONDS = 300
_VERSION = 1
_DIGEST_BYTES = 16
# The version, when it was issued (seconds since 1970), the hash of all the rest.
_HEAD = struct.Struct(f">BQ{_DIGEST_BYTES}s")
# What may differ from page to page, besides the token.
_NOT_BOUND = ("page_size",)

CursorT = TypeVar("CursorT")


class PageTokens:
    """The page tokens of one RPC, whose full name is `rpc`, such as `/weir.x.v1.XService/ListThings`. `field`
    is the request's field that has the token."""

    def __init__(self, rpc: str, clock: Clock, *, field: str = "page_token") -> None:
        self._rpc = rpc.encode()
        self._clock = clock
        self._field = field

    def issue(self, request: Message, cursor: Sequence[str | int | None]) -> str:
        """A token for the page that follows `cursor`; it is valid with the parameters of `request`."""
        content = orjson.dumps(list(cursor))
        issued = self._now()
        head = _HEAD.pack(_VERSION, issued, self._digest(request, issued, content))
        return base64.urlsafe_b64encode(head + content).rstrip(b"=").decode()

    def read(self, request: Any, parse: Callable[..., CursorT]) -> CursorT | None:
        """The cursor in the request's token, None if it has none. `parse` makes it of the values that
        were issued, and raises ValueError or TypeError for any others.

        Raises PageTokenInvalid and PageTokenExpired.
        """
        token: str = getattr(request, self._field)
        if not token:
            return None
        issued, content = self._open(request, token)
        age = self._now() - issued
        if age < -_CLOCK_SKEW_SECONDS:
            raise PageTokenInvalid(field=self._field)
        if age > VALID_HOURS * 3600:
            raise PageTokenExpired(VALID_HOURS, field=self._field)
        try:
            return parse(*orjson.loads(content))
        except (ValueError, TypeError):
            raise PageTokenInvalid(field=self._field) from None

    def _open(self, request: Message, token: str) -> tuple[int, bytes]:
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            version, issued, digest = _HEAD.unpack_from(raw)
        except (binascii.Error, struct.error, ValueError):
            raise PageTokenInvalid(field=self._field) from None
        content = raw[_HEAD.size :]
        if version != _VERSION or digest != self._digest(request, issued, content):
            raise PageTokenInvalid(field=self._field)
        return issued, content

    def _digest(self, request: Message, issued: int, content: bytes) -> bytes:
        parameters = type(request)()
        parameters.CopyFrom(request)
        for name in (self._field, *_NOT_BOUND):
            if name in parameters.DESCRIPTOR.fields_by_name:
                parameters.ClearField(name)
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for part in (self._rpc, parameters.SerializeToString(deterministic=True), content):
            # The length first, so that no two lists of parts are one text.
            digest.update(b"%d:" % len(part))
            digest.update(part)
        digest.update(b"%d" % issued)
        return digest.digest()

    def _now(self) -> int:
        return self._clock.now_us() // 1_000_000


def page_size(asked: int, *, default: int, maximum: int) -> int:
    """How many items a page may have: what was asked for, `default` for 0. The field is a uint32, so it
    is never negative. Raises InvalidArgument above `maximum`."""
    if asked > maximum:
        raise InvalidArgument(f"must be at most {maximum}", field="page_size")
    return asked or default
