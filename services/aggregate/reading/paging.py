"""Page tokens: where a page ended, bound to the query that it belongs to."""

import base64
import binascii
import hashlib
from datetime import datetime

import orjson

from libs.common.errors import InvalidArgument
from services.aggregate.model import CellQuery, Position


def encode_token(query: CellQuery, position: Position) -> str:
    """An opaque token for the page after `position`."""
    content = [
        _fingerprint(query),
        position.bucket.isoformat(),
        position.dimensions,
        position.cell_id,
    ]
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode()


def decode_token(query: CellQuery, token: str) -> Position:
    """Where to go on. Raises InvalidArgument for a token that this query never gave out."""
    try:
        fingerprint, bucket, dimensions, cell_id = orjson.loads(
            base64.b64decode(token, altchars=b"-_", validate=True)
        )
        position = Position(
            datetime.fromisoformat(bucket),
            orjson.dumps(orjson.loads(dimensions)).decode(),
            bytes.fromhex(cell_id).hex(),
        )
    except (ValueError, TypeError, binascii.Error):
        raise InvalidArgument("not a page token", field="page_token") from None
    if fingerprint != _fingerprint(query) or len(cell_id) != 32 or position.bucket.tzinfo is None:
        raise InvalidArgument("the page token is of another query", field="page_token")
    return position


def _fingerprint(query: CellQuery) -> str:
    content = orjson.dumps(
        [query.app_id, query.rollup, query.start, query.end, query.filters],
        option=orjson.OPT_SORT_KEYS,
    )
    return hashlib.blake2b(content, digest_size=8).hexdigest()
