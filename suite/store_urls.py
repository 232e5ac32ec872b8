"""URLs of stores: they hold passwords, and what libraries say about them may quote those."""

import psycopg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

_UNREADABLE = "(not a URL that can be read)"
_HINT = (
    "must be like postgresql://user:password@host/database or redis://:password@host:6379/0, "
    "with @ / ? # in a password as %40 %2F %3F %23"
)


def redacted(url: str) -> str:
    """A URL without what may be secret in it: the password and the query, except for the folder of a
    Unix socket."""
    address = _parsed(url)
    if address is None:
        return _UNREADABLE
    shown = address.set(query={}).render_as_string(hide_password=True)
    folder = _socket_folder(address)
    return f"{shown}?host={folder}" if folder else shown


def without_secrets(url: str, error: Exception) -> str:
    """What went wrong at a URL: one line, in the words of the store and not of the libraries before it,
    and without the URL's secrets, should they have been quoted."""
    address = _parsed(url)
    if address is None or isinstance(error, ArgumentError | ValueError):
        # What was wrongly taken for a host or a port may be half of the password.
        return f"{_UNREADABLE}: {_HINT}"
    text = " ".join(_words(error).replace(url, redacted(url)).split())
    shown = (_socket_folder(address), address.query.get("port"))
    for secret in (address.password, *address.query.values()):
        if isinstance(secret, str) and secret and secret not in shown:
            text = text.replace(secret, "***")
    return f"{redacted(url)}: {text or type(error).__name__}"


def _parsed(url: str) -> URL | None:
    # With a second @, a part of the password is read as the host.
    if url.count("@") > 1:
        return None
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None


def _socket_folder(address: URL) -> str:
    """The folder of PostgreSQL's Unix socket, which only the query of a URL can name."""
    host = address.query.get("host")
    return host if isinstance(host, str) and host.startswith("/") else ""


def _words(error: Exception) -> str:
    if isinstance(error, DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        # Without the details: those quote rows.
        return error.diag.message_primary
    return str(error)
