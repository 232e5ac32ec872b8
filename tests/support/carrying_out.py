"""A request about a person, carried out as the engine does."""

from typing import Protocol
from uuid import UUID

from services.privacy.requests.model import SubjectRequest
from services.privacy.requests.postgres import PostgresRequests


class _Handler(Protocol):
    async def advance(self, request: SubjectRequest) -> bool: ...


async def carry_out(
    requests: PostgresRequests, handler: _Handler, request_id: UUID
) -> SubjectRequest:
    """Goes on with the request to its end."""
    while True:
        request = await requests.get(request_id)
        assert request is not None
        if not request.is_open:
            return request
        await handler.advance(request)
