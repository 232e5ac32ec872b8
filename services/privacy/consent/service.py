"""The servicer: a message in, a domain call, a message out."""

from collections.abc import Mapping

import grpc
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from libs.catalog import Catalog
from libs.common.errors import InvalidArgument
from services.privacy import metrics
from services.privacy.consent.checking import Checker
from services.privacy.consent.convert import (
    CHECK_RESPONSES,
    to_batch_response,
    to_entry,
    to_recording,
    to_timestamp,
)
from services.privacy.consent.model import HistoryCursor, Subject
from services.privacy.consent.ports import ConsentStore
from services.privacy.consent.recording import Recorder
from services.privacy.consent.tokens import consent_token, page_cursor, page_token
from services.privacy.consent.validation import check_app, check_recording, check_subject

MAX_SUBJECTS = 1_000
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


class PrivacyServicer(privacy_service_pb2_grpc.PrivacyServiceServicer):
    """`weir.privacy.v1.PrivacyService`."""

    def __init__(
        self,
        catalogs: Mapping[str, Catalog],
        checker: Checker,
        recorder: Recorder,
        store: ConsentStore,
    ) -> None:
        self._catalogs = catalogs
        self._checker = checker
        self._recorder = recorder
        self._store = store

    async def CheckConsent(  # noqa: N802
        self, request: pb.CheckConsentRequest, _: grpc.aio.ServicerContext
    ) -> pb.CheckConsentResponse:
        # No span, no log line, no labelled counter: this call costs hardly more than an echo.
        metrics.CHECKS.inc()
        answer = await self._checker.check(
            request.app_id, request.subject_id, request.purpose, request.token
        )
        return CHECK_RESPONSES[answer]

    async def BatchCheckConsent(  # noqa: N802
        self, request: pb.BatchCheckConsentRequest, _: grpc.aio.ServicerContext
    ) -> pb.BatchCheckConsentResponse:
        subject_ids = list(request.subject_ids)
        if not 1 <= len(subject_ids) <= MAX_SUBJECTS:
            raise InvalidArgument(f"must be 1 to {MAX_SUBJECTS}", field="subject_ids")
        metrics.CHECKS.inc(len(subject_ids))
        decisions = await self._checker.check_many(request.app_id, subject_ids, request.purpose)
        return to_batch_response(decisions)

    async def RecordConsent(  # noqa: N802
        self, request: pb.RecordConsentRequest, _: grpc.aio.ServicerContext
    ) -> pb.RecordConsentResponse:
        recording = to_recording(request)
        catalog = check_app(self._catalogs, request.app_id)
        check_recording(catalog, recording, [choice.purpose for choice in request.choices])
        recorded = await self._recorder.record(recording)
        metrics.RECORDINGS.inc()
        return pb.RecordConsentResponse(
            token=consent_token(recording.subject, recorded.version),
            recorded_at=to_timestamp(recorded.recorded_at_us),
        )

    async def GetConsentHistory(  # noqa: N802
        self, request: pb.GetConsentHistoryRequest, _: grpc.aio.ServicerContext
    ) -> pb.GetConsentHistoryResponse:
        check_app(self._catalogs, request.app_id)
        check_subject(request.subject_id)
        size = request.page_size or DEFAULT_PAGE_SIZE
        if size > MAX_PAGE_SIZE:
            raise InvalidArgument(f"must be at most {MAX_PAGE_SIZE}", field="page_size")
        subject = Subject(request.app_id, request.subject_id)
        after = page_cursor(subject, request.page_token)
        # One more than asked for tells whether there is a next page.
        entries = await self._store.history(subject, after, size + 1)
        following = ""
        if len(entries) > size:
            last = entries[size - 1]
            following = page_token(subject, HistoryCursor(last.version, last.purpose))
        return pb.GetConsentHistoryResponse(
            entries=map(to_entry, entries[:size]), next_page_token=following
        )
