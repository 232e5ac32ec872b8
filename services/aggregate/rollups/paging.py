"""Page tokens: where a page ended, bound to the query that it belongs to."""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Any

import orjson

from libs.common.errors import InvalidArgument
from services.aggregate.model import CellQuery, CohortQuery, Cursor


def encode_token(query: CellQuery, position: Cursor) -> str:
    """An opaque token for the page after `position`."""
    return _encode(
        [_fingerprint(query), position.bucket.isoformat(), position.dimensions, position.cell_id]
    )


def decode_token(query: CellQuery, token: str) -> Cursor:
    """Where to go on. Raises InvalidArgument for a token that this query never gave out."""
    try:
        fingerprint, bucket, dimensions, cell_id = _decode(token)
        position = Cursor(
            datetime.fromisoformat(bucket),
            None if dimensions is None else orjson.dumps(orjson.loads(dimensions)).decode(),
            bytes.fromhex(cell_id).hex(),
        )
    except (ValueError, TypeError, binascii.Error):
        raise InvalidArgument("not a page token", field="page_token") from None
    if fingerprint != _fingerprint(query) or len(cell_id) != 32 or position.bucket.tzinfo is None:
        raise InvalidArgument("the page token is of another query", field="page_token")
    return position


def encode_cohort_token(query: CohortQuery, start: datetime) -> str:
    """An opaque token for the page that begins with the cohort of `start`."""
    return _encode([_cohort_fingerprint(query), start.isoformat()])


def decode_cohort_token(query: CohortQuery, token: str) -> datetime:
    """The first cohort of the page. Raises InvalidArgument for a token that this query never gave out."""
    try:
        fingerprint, start = _decode(token)
        first = datetime.fromisoformat(start)
    except (ValueError, TypeError, binascii.Error):
        raise InvalidArgument("not a page token", field="page_token") from None
    if fingerprint != _cohort_fingerprint(query) or first.tzinfo is None:
        raise InvalidArgument("the page token is of another query", field="page_token")
    return first


def _encode(content: list[str | None]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode()


def _decode(token: str) -> Any:
    return orjson.loads(base64.b64decode(token, altchars=b"-_", validate=True))


def _fingerprint(query: CellQuery) -> str:
    return _hash([query.app_id, query.rollup, query.start, query.end, query.filters])


def _cohort_fingerprint(query: CohortQuery) -> str:
    return _hash([query.app_id, query.period, query.start, query.end])


def _hash(parts: list[Any]) -> str:
    content = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(content, digest_size=8).hexdigest()
