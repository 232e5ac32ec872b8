"""Who may call: a bearer token on every RPC but health and, in development, reflection and channelz."""

import hmac
from collections.abc import Iterable

from libs.common.errors import Unauthenticated

OPEN_SERVICES = ("/grpc.health.v1.Health/",)
# Reflection tells what there is to attack, and channelz tells the addresses of callers.
OPEN_IN_DEVELOPMENT = ("/grpc.reflection.", "/grpc.channelz.")

# Credentials that limits are counted by.
ANONYMOUS = "anonymous"
SUITE_TOKEN = "suite token"
# Of all callers of a suite that has no token.
NO_TOKEN = "no token"


class BearerToken:
    """Compares a call's `authorization: Bearer TOKEN` with the one this suite was started with."""

    def __init__(self, token: str, *, development: bool = False) -> None:
        self._expected = token.encode()
        self._open = OPEN_SERVICES + (OPEN_IN_DEVELOPMENT if development else ())

    def check(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> str:
        """The credential that the call is made with: SUITE_TOKEN, or ANONYMOUS for a call that needs none.

        Raises Unauthenticated unless the call may go on. If the suite has no token (development only, see
        CommonSettings.check_authentication), all may, with NO_TOKEN.
        """
        if not self._expected:
            return NO_TOKEN
        if method.startswith(self._open):
            return ANONYMOUS
        for key, value in metadata:
            if key == "authorization":
                given = value if isinstance(value, bytes) else value.encode()
                scheme, _, token = given.partition(b" ")
                # RFC 9110: the scheme's name is case-insensitive, and one or more spaces follow it.
                if scheme.lower() == b"bearer" and hmac.compare_digest(
                    token.lstrip(b" "), self._expected
                ):
                    return SUITE_TOKEN
                raise Unauthenticated("the bearer token is not valid")
        raise Unauthenticated("no bearer token; send metadata `authorization: Bearer TOKEN`")
