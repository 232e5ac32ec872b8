"""Real PostgreSQL and Redis servers from wheels, for development and tests: no docker, no root.

They are children of the process that starts them and never outlive it.
"""

from typing import TYPE_CHECKING, Any

from suite.embedded.process import StartError

if TYPE_CHECKING:
    from suite.embedded.postgres import PostgresServer
    from suite.embedded.redis import RedisServer

__all__ = ["PostgresServer", "RedisServer", "StartError"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: the modules beside them, which light commands use, must not cost the
    # drivers of both stores.
    if name == "PostgresServer":
        from suite.embedded.postgres import PostgresServer

        return PostgresServer
    if name == "RedisServer":
        from suite.embedded.redis import RedisServer

        return RedisServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
