"""Who may call: a bearer token on every RPC but health and, in development, reflection."""

import hmac
from collections.abc import Iterable

from libs.common.errors import Unauthenticated

OPEN_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.", "/grpc.channelz.")


class BearerToken:
    """Compares a call's `authorization: Bearer TOKEN` with the one this suite was started with."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode() if token else b""

    def check(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Raises Unauthenticated unless the call may go on.

        Without a token (development only, see CommonSettings.check_authentication) all may.
        """
        if not self._expected or method.startswith(OPEN_SERVICES):
            return
        for key, value in metadata:
            if key == "authorization":
                given = value if isinstance(value, bytes) else value.encode()
                if hmac.compare_digest(given, self._expected):
                    return
                raise Unauthenticated("the bearer token is not valid")
        raise Unauthenticated("no bearer token; send metadata `authorization: Bearer TOKEN`")
