"""Decodes requests; bytes that cannot be decoded are an INVALID_ARGUMENT."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from libs.common.errors import UnreadableMessage
from libs.rpc import metrics
from libs.runtime.sparse_log import SparseWarning


class Decoder:
    """The request deserializer of one method. Raises UnreadableMessage, which is counted, and logged
    without what was sent: that may be personal data; and what `check` raises of the message."""

    def __init__(
        self,
        method: str,
        deserialize: Callable[[bytes], Any],
        check: Callable[[Any], None] | None = None,
    ) -> None:
        self._method = method
        self._deserialize = deserialize
        self._check = check
        self._warning = SparseWarning("a message cannot be read")

    def __call__(self, data: bytes) -> Any:
        try:
            message = self._deserialize(data)
        except DecodeError:
            metrics.UNREADABLE.labels(metrics.method_label(self._method)).inc()
            self._warning.note(method=self._method)
            raise UnreadableMessage from None
        if self._check is not None:
            self._check(message)
        return message
