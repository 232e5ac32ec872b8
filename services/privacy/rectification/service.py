"""CreateRectification: a message in, a domain call, a message out."""

from uuid import UUID

import grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb

from libs.catalog import Catalogs
from libs.catalog.texts import is_visible_name
from libs.common.apps import catalog_of
from libs.common.errors import FailedPrecondition, InvalidArgument, Unavailable
from libs.common.ids import event_uuid
from libs.common.pseudonym import Pseudonymizer
from libs.rpc.caller import caller_of
from libs.rpc.subject_data import changes_of
from services.privacy.rectification.asking import check_changes, parameters_of
from services.privacy.rectification.handler import RectificationHandler
from services.privacy.requests.asking import Asked, Asking
from services.privacy.requests.convert import uuid_of
from services.privacy.requests.model import Kind, State, SubjectRequest


class RectificationCalls:
    """The call about rectifications."""

    def __init__(
        self,
        catalogs: Catalogs,
        asking: Asking,
        handler: RectificationHandler,
        pseudonymizer: Pseudonymizer,
    ) -> None:
        self._catalogs = catalogs
        self._asking = asking
        self._handler = handler
        self._pseudonymizer = pseudonymizer

    async def create(
        self, request: pb.CreateRectificationRequest, context: grpc.aio.ServicerContext
    ) -> SubjectRequest:
        """Makes a request, once for each id, and has the event changed. Raises AppUnknown, InvalidArgument,
        NotFound, AlreadyExists, FailedPrecondition, also if the request has failed before, and Unavailable
        if the event is not changed yet."""
        catalog = catalog_of(self._catalogs.current, request.app_id)
        if not is_visible_name(request.event_id):
            raise InvalidArgument("must be the id of an event", field="event_id")
        changes = changes_of(request.changes)
        for place, each in enumerate(request.changes):
            if not each.HasField("value_json") and not each.removed:
                raise InvalidArgument("must have a value, or be removed", field=f"changes[{place}]")
        check_changes(catalog, changes)
        event = UUID(bytes=event_uuid(request.event_id)[0])
        parameters = parameters_of(self._pseudonymizer, request.app_id, event, changes)
        request_id = uuid_of(request.request_id) if request.request_id else None
        asked = Asked(
            Kind.RECTIFICATION,
            request.app_id,
            request.subject_id,
            request_id,
            parameters=parameters,
        )
        caller = caller_of(context)
        made = await self._asking.ask(asked, caller)
        if made.is_open and not made.steps:
            try:
                await self._handler.change(made, changes, caller)
            except grpc.aio.AioRpcError as error:
                raise Unavailable(
                    "enrich does not answer: repeat the call with the same request_id",
                    retry_after_seconds=1,
                ) from error
        found = await self._asking.get(request.app_id, made.request_id)
        if found.state is State.FAILED:
            # It says so to a caller who missed the first answer, too.
            raise FailedPrecondition(
                f"the request has failed: {found.failure}", reason="NOT_RECTIFIABLE"
            )
        return found
