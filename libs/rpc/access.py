"""Who calls, by the bearer token of the call, and whether the caller may make it."""

import hmac
from collections.abc import Iterable, Mapping

from libs.common.errors import PermissionDenied, Unauthenticated
from libs.rpc.permissions import RULES, Permission, Rule
from libs.rpc.principal import Principal
from libs.runtime.settings import CommonSettings

# Every permission that an RPC needs.
ALL_PERMISSIONS = frozenset(Permission)
# The suite's own token: services and tools of the operator.
SUITE_TOKEN = Principal("suite token", ALL_PERMISSIONS)
# All callers of a suite that has no token.
NO_TOKEN = Principal("no token", ALL_PERMISSIONS)
# Callers without a token, of RPCs that need none.
ANONYMOUS = Principal("anonymous", frozenset({Permission.READ_HEALTH}))
ANONYMOUS_IN_DEVELOPMENT = Principal(
    ANONYMOUS.name, ANONYMOUS.permissions | {Permission.INSPECT_SERVER}
)
# What dashboards need, and no more.
READING = frozenset({Permission.READ_NUMBERS, Permission.READ_HEALTH})


class AccessControl:
    """Finds a call's principal by its bearer token, and checks it with the permission table.

    The token comes as `authorization: Bearer TOKEN`. Without tokens, all calls are NO_TOKEN's.
    """

    def __init__(
        self,
        tokens: Mapping[str, Principal],
        *,
        anonymous: Principal = ANONYMOUS,
        rules: Mapping[str, Rule] = RULES,
    ) -> None:
        self._tokens = [(token.encode(), principal) for token, principal in tokens.items()]
        self._anonymous = anonymous
        self._rules = rules
        self._open = frozenset(
            method for method, rule in rules.items() if rule.permission in anonymous.permissions
        )

    def principal(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> Principal:
        """Whose call it is. Raises Unauthenticated for a call without a valid token, unless the method needs
        none."""
        if not self._tokens:
            return NO_TOKEN
        if method in self._open:
            return self._anonymous
        for key, value in metadata:
            if key == "authorization":
                given = value if isinstance(value, bytes) else value.encode()
                scheme, _, token = given.partition(b" ")
                # RFC 9110: the scheme's name is case-insensitive, and one or more spaces follow it.
                if scheme.lower() == b"bearer":
                    token = token.lstrip(b" ")
                    for expected, principal in self._tokens:
                        if hmac.compare_digest(token, expected):
                            return principal
                raise Unauthenticated("the bearer token is not valid")
        raise Unauthenticated("no bearer token; send metadata `authorization: Bearer TOKEN`")

    def knows(self, method: str) -> bool:
        """Whether the table has the method."""
        return method in self._rules

    def known_rule(self, method: str) -> Rule | None:
        """What the table says of the method, for any caller; None for one that is not in it."""
        return self._rules.get(method)

    def rule(self, method: str, principal: Principal) -> Rule:
        """What the table says of the method. Raises PermissionDenied if the principal may not call it; also
        for a method that is not in the table, for all principals."""
        rule = self._rules.get(method)
        if rule is None:
            raise PermissionDenied("the RPC is not in the table of permissions")
        if rule.permission not in principal.permissions:
            raise PermissionDenied(
                f"the token does not permit this RPC; it takes `{rule.permission}`",
                metadata={"permission": rule.permission},
            )
        return rule


def access_control(settings: CommonSettings, rules: Mapping[str, Rule] = RULES) -> AccessControl:
    """Access by the tokens of the settings: the suite's, and the one that only reads."""
    tokens: dict[str, Principal] = {}
    if token := settings.auth_token.get_secret_value():
        tokens[token] = SUITE_TOKEN
    if token := settings.read_token.get_secret_value():
        tokens[token] = Principal("read token", READING, settings.apps_to_read())
    development = settings.environment == "development"
    return AccessControl(
        tokens, anonymous=ANONYMOUS_IN_DEVELOPMENT if development else ANONYMOUS, rules=rules
    )
