"""Bytes to messages: what is no message is the caller's mistake, and not the service's failure."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from libs.common.errors import UnreadableMessage
from libs.rpc import metrics
from libs.runtime.sparse_log import SparseWarning


class Decoder:
    """The request deserializer of one method. Raises UnreadableMessage, which is counted, and logged
    without what was sent: that may be personal data."""

    def __init__(self, method: str, deserialize: Callable[[bytes], Any] | None) -> None:
        self._method = method
        self._deserialize = deserialize
        self._warning = SparseWarning("a message cannot be read")

    def __call__(self, data: bytes) -> Any:
        if self._deserialize is None:
            return data
        try:
            return self._deserialize(data)
        except DecodeError:
            metrics.UNREADABLE.labels(self._method).inc()
            self._warning.note(method=self._method)
            raise UnreadableMessage from None
