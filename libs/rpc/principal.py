"""Who calls: the credential, what it permits, and which apps it may see."""

from contextvars import ContextVar
from dataclasses import dataclass

from libs.common.errors import PermissionDenied
from libs.rpc.permissions import Permission


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of an RPC.

    `name` says which credential it used, and limits are counted by it; `apps` are those that it may see,
    None for all. What the others have looks to it as if it did not exist.
    """

    name: str
    permissions: frozenset[Permission]
    apps: frozenset[str] | None = None

    def may_see(self, app_id: str) -> bool:
        """Whether the caller may know of the app. The app that a request names is checked before the
        servicer runs (see `libs.rpc.permissions`); this is for answers that list apps."""
        return self.apps is None or app_id in self.apps


# Set by the interceptor for each call, in whose task the servicer runs.
CURRENT: ContextVar[Principal] = ContextVar("principal")


def current_principal() -> Principal:
    """The caller of the RPC that runs now. Raises LookupError outside of a call."""
    return CURRENT.get()


def is_permitted(permission: Permission) -> bool:
    """Whether the caller may have what a request asks beyond its RPC."""
    return permission in current_principal().permissions


def check_permission(permission: Permission) -> None:
    """For what a request asks beyond its RPC. Raises PermissionDenied if the caller may not have it."""
    if not is_permitted(permission):
        raise PermissionDenied(
            f"the token does not permit what is asked for; it takes `{permission}`",
            metadata={"permission": permission},
        )
