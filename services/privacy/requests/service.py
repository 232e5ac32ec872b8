"""The servicer: a message in, a domain call, a message out."""

from collections.abc import AsyncIterator, Sequence

import grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from libs.audit import Action, Auditor, Caller
from libs.catalog import Catalogs
from libs.catalog.texts import is_short_text
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import InvalidArgument
from libs.common.pseudonym import Pseudonymizer
from libs.rpc.caller import caller_of
from libs.rpc.page_tokens import PageTokens, page_size
from services.privacy.audit.postgres import PostgresAuditTrail
from services.privacy.consent.convert import timestamp
from services.privacy.consent.model import ActorRole, Recorded, Recording, Subject
from services.privacy.consent.recording import Recorder
from services.privacy.consent.tokens import consent_token
from services.privacy.consent.validation import check_subject
from services.privacy.exports.service import ExportCalls
from services.privacy.rectification.service import RectificationCalls
from services.privacy.requests.asking import Asked, Asking
from services.privacy.requests.convert import (
    SERVICE_NAME,
    cursor_values,
    kind_of,
    request_cursor,
    request_message,
    state_of,
    uuid_of,
)
from services.privacy.requests.model import Hold, Kind, RequestQuery, SubjectRequest
from services.privacy.requests.postgres import PostgresRequests
from services.privacy.requests.receipt import receipt_of

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


class SubjectRequestServicer(subject_request_service_pb2_grpc.SubjectRequestServiceServicer):
    """`weir.privacy.v1.SubjectRequestService`."""

    def __init__(
        self,
        catalogs: Catalogs,
        asking: Asking,
        requests: PostgresRequests,
        auditor: Auditor,
        trail: PostgresAuditTrail,
        pseudonymizer: Pseudonymizer,
        clock: Clock,
        exports: ExportCalls,
        rectifications: RectificationCalls,
        recorder: Recorder,
    ) -> None:
        self._catalogs = catalogs
        self._asking = asking
        self._requests = requests
        self._auditor = auditor
        self._trail = trail
        self._pseudonymizer = pseudonymizer
        self._clock = clock
        self._exports = exports
        self._rectifications = rectifications
        self._recorder = recorder
        self._pages = PageTokens(f"/{SERVICE_NAME}/ListRequests", clock)
        self._restriction_pages = PageTokens(f"/{SERVICE_NAME}/ListRestrictions", clock)
        self._restricted_pages = PageTokens(f"/{SERVICE_NAME}/ListRestrictedPeople", clock)

    async def CreateErasure(  # noqa: N802
        self, request: pb.CreateErasureRequest, context: grpc.aio.ServicerContext
    ) -> pb.CreateErasureResponse:
        catalog = catalog_of(self._catalogs.current, request.app_id)
        grace = 0 if request.without_grace else catalog.erasure.grace_seconds
        asked = Asked(
            Kind.ERASURE,
            request.app_id,
            request.subject_id,
            uuid_of(request.request_id) if request.request_id else None,
            tuple(sorted(set(request.categories))),
        )
        made = await self._asking.ask(asked, caller_of(context), delay_seconds=grace)
        return pb.CreateErasureResponse(request=_message(made))

    async def CreateExport(  # noqa: N802
        self, request: pb.CreateExportRequest, context: grpc.aio.ServicerContext
    ) -> pb.CreateExportResponse:
        made = await self._exports.create(request, context)
        return pb.CreateExportResponse(request=_message(made))

    async def CreateRectification(  # noqa: N802
        self, request: pb.CreateRectificationRequest, context: grpc.aio.ServicerContext
    ) -> pb.CreateRectificationResponse:
        made = await self._rectifications.create(request, context)
        return pb.CreateRectificationResponse(request=_message(made))

    async def DownloadExport(  # noqa: N802
        self, request: pb.DownloadExportRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.DownloadExportResponse]:
        async for response in self._exports.download(request, context):
            yield response

    async def GetRequest(  # noqa: N802
        self, request: pb.GetRequestRequest, _: grpc.aio.ServicerContext
    ) -> pb.GetRequestResponse:
        catalog_of(self._catalogs.current, request.app_id)
        found = await self._asking.get(request.app_id, uuid_of(request.request_id))
        return pb.GetRequestResponse(request=_message(found))

    async def ListRequests(  # noqa: N802
        self, request: pb.ListRequestsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListRequestsResponse:
        catalog_of(self._catalogs.current, request.app_id)
        size = page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
        subjects = None
        if request.subject_id:
            check_subject(request.subject_id)
            subjects = self._pseudonymizer.all_epochs(request.app_id, request.subject_id)
        query = RequestQuery(
            request.app_id, subjects, kind_of(request.kind), state_of(request.state)
        )
        after = self._pages.read(request, request_cursor)
        # Before the answer, which there is not without it.
        await self._trail.add(
            [
                self._auditor.entry(
                    Action.SUBJECT_REQUESTS_READ,
                    request.app_id,
                    caller_of(context),
                    subject_id=request.subject_id,
                )
            ]
        )
        found = await self._requests.list(query, after, size + 1)
        following = ""
        if len(found) > size:
            following = self._pages.issue(request, cursor_values(found[size - 1]))
        return pb.ListRequestsResponse(
            requests=map(_message, found[:size]), next_page_token=following
        )

    async def CancelRequest(  # noqa: N802
        self, request: pb.CancelRequestRequest, context: grpc.aio.ServicerContext
    ) -> pb.CancelRequestResponse:
        catalog_of(self._catalogs.current, request.app_id)
        cancelled = await self._asking.cancel(
            request.app_id, uuid_of(request.request_id), caller_of(context)
        )
        return pb.CancelRequestResponse(request=_message(cancelled))

    async def PlaceHold(  # noqa: N802
        self, request: pb.PlaceHoldRequest, context: grpc.aio.ServicerContext
    ) -> pb.PlaceHoldResponse:
        catalog_of(self._catalogs.current, request.app_id)
        check_subject(request.subject_id)
        _check_reason(request.reason)
        caller = caller_of(context)
        await self._requests.place_hold(
            request.app_id,
            self._pseudonymizer.pseudonym(request.app_id, request.subject_id),
            Hold(request.reason, caller.actor),
            moment_of(self._clock.now_us()),
            self._auditor.entry(
                Action.SUBJECT_HELD, request.app_id, caller, subject_id=request.subject_id
            ),
        )
        return pb.PlaceHoldResponse()

    async def ReleaseHold(  # noqa: N802
        self, request: pb.ReleaseHoldRequest, context: grpc.aio.ServicerContext
    ) -> pb.ReleaseHoldResponse:
        catalog_of(self._catalogs.current, request.app_id)
        check_subject(request.subject_id)
        await self._requests.release_hold(
            request.app_id,
            self._pseudonymizer.all_epochs(request.app_id, request.subject_id),
            self._auditor.entry(
                Action.SUBJECT_RELEASED,
                request.app_id,
                caller_of(context),
                subject_id=request.subject_id,
            ),
        )
        return pb.ReleaseHoldResponse()

    async def RestrictProcessing(  # noqa: N802
        self, request: pb.RestrictProcessingRequest, context: grpc.aio.ServicerContext
    ) -> pb.RestrictProcessingResponse:
        recorded = await self._restrict(request, caller_of(context), restricts=True)
        return pb.RestrictProcessingResponse(
            token=consent_token(Subject(request.app_id, request.subject_id), recorded.version),
            restricted_at=timestamp(recorded.recorded_at_us),
        )

    async def LiftRestriction(  # noqa: N802
        self, request: pb.LiftRestrictionRequest, context: grpc.aio.ServicerContext
    ) -> pb.LiftRestrictionResponse:
        recorded = await self._restrict(request, caller_of(context), restricts=False)
        subject = Subject(request.app_id, request.subject_id)
        return pb.LiftRestrictionResponse(token=consent_token(subject, recorded.version))

    async def ListRestrictions(  # noqa: N802
        self, request: pb.ListRestrictionsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ListRestrictionsResponse:
        catalog_of(self._catalogs.current, request.app_id)
        people, following = await self._restricted(
            request, self._restriction_pages, DEFAULT_PAGE_SIZE
        )
        # Before the answer, which there is not without it.
        caller = caller_of(context)
        await self._trail.add(
            [self._auditor.entry(Action.RESTRICTIONS_READ, request.app_id, caller)]
        )
        return pb.ListRestrictionsResponse(subject_ids=people, next_page_token=following)

    async def ListRestrictedPeople(  # noqa: N802
        self, request: pb.ListRestrictedPeopleRequest, _: grpc.aio.ServicerContext
    ) -> pb.ListRestrictedPeopleResponse:
        catalog_of(self._catalogs.current, request.app_id)
        # Earlier releases ask without a size, and for one page.
        people, following = await self._restricted(request, self._restricted_pages, MAX_PAGE_SIZE)
        return pb.ListRestrictedPeopleResponse(
            next_page_token=following,
            persons=[
                bytes.fromhex(person)
                for subject_id in people
                for person in self._pseudonymizer.all_epochs(request.app_id, subject_id)
            ],
            subject_ids=people,
        )

    async def _restricted(
        self,
        request: pb.ListRestrictionsRequest | pb.ListRestrictedPeopleRequest,
        tokens: PageTokens,
        default_size: int,
    ) -> tuple[Sequence[str], str]:
        """A page of the people who are restricted, and the token of the next one. Raises InvalidArgument."""
        size = page_size(request.page_size, default=default_size, maximum=MAX_PAGE_SIZE)
        after = tokens.read(request, str)
        found = await self._requests.restricted(request.app_id, after, size + 1)
        people = found[:size]
        return people, tokens.issue(request, [people[-1]]) if len(found) > size else ""

    async def _restrict(
        self,
        request: pb.RestrictProcessingRequest | pb.LiftRestrictionRequest,
        caller: Caller,
        *,
        restricts: bool,
    ) -> Recorded:
        catalog_of(self._catalogs.current, request.app_id)
        check_subject(request.subject_id)
        _check_reason(request.reason)
        recording = Recording(
            Subject(request.app_id, request.subject_id),
            {},
            caller.actor,
            request.reason,
            "",
            source="privacy",
            actor_role=ActorRole.OPERATOR,
            restricts=restricts,
        )
        return await self._recorder.record(recording, caller)


def _check_reason(reason: str) -> None:
    """Raises InvalidArgument."""
    if not reason or not is_short_text(reason):
        raise InvalidArgument("must be 1 to 128 printable characters", field="reason")


def _message(request: SubjectRequest) -> pb.SubjectRequest:
    return request_message(request, receipt_of(request))
