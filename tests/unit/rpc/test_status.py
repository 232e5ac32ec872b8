"""Errors as google.rpc.Status: reason, domain, field, how long to wait."""

from typing import get_args

import grpc
import pytest
from google.rpc import error_details_pb2

from libs.common.errors import (
    Aborted,
    AlreadyExists,
    AppUnknown,
    Code,
    DeadlineExceeded,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    PageTokenExpired,
    PageTokenInvalid,
    PermissionDenied,
    Unavailable,
    WeirError,
)
from libs.rpc.status import duration, rpc_status
from weir_client import describe_status


def test_a_field_at_fault() -> None:
    status = rpc_status(InvalidArgument("is missing", reason="FIELD_INVALID", field="event_id"))
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.code == 3
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "FIELD_INVALID",
        "weir",
        {"field": "event_id"},
    )
    assert status.details[1].Unpack(request)
    [violation] = request.field_violations
    assert (violation.field, violation.description) == ("event_id", "is missing")
    assert str(describe_status(status)) == "FIELD_INVALID (event_id): is missing"


def test_a_time_to_wait() -> None:
    status = rpc_status(Unavailable("full", reason="BACKLOG_FULL", retry_after_seconds=0.5))
    retry = error_details_pb2.RetryInfo()
    assert status.code == 14
    assert status.details[-1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 500


def test_a_limit() -> None:
    status = rpc_status(LimitExceeded("too many", limit="max_events", value=1_000))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason) == (8, "LIMIT_EXCEEDED")
    assert dict(info.metadata) == {"limit": "max_events", "value": "1000"}
    assert len(status.details) == 1  # no RetryInfo: the same batch will be too large again


def test_an_unknown_app_is_answered_without_the_names_of_others() -> None:
    status = rpc_status(AppUnknown("ches"))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason, dict(info.metadata)) == (5, "APP_UNKNOWN", {"app_id": "ches"})
    assert status.message == "no catalog is loaded for this app"


def test_what_every_caller_may_know_is_listed() -> None:
    assert str(_unknown_rollup("dau", ["wau", "mau"])) == "no such rollup; there are mau, wau"
    assert str(_unknown_rollup("dau", [])) == "no such rollup; there are none"


def test_a_rejection_fits_into_metadata_whatever_was_asked_and_however_much_there_is() -> None:
    rollups = [f"a{number:062}" for number in range(500)]
    status = rpc_status(_unknown_rollup("x" * 100_000, rollups))
    # gRPC's limit for all metadata of an answer is 8 KiB, and the message is in them twice.
    assert 2 * len(status.SerializeToString()) < 8 * 1024
    assert status.message.endswith(f", {rollups[19]}, 480 more")


def _unknown_rollup(name: str, known: list[str]) -> NotFound:
    metadata = {"rollup": name}
    return NotFound("no such rollup", reason="ROLLUP_UNKNOWN", metadata=metadata, known=known)


def test_the_codes_of_errors_are_those_of_grpc() -> None:
    assert {*get_args(Code), "OK"} == {code.name for code in grpc.StatusCode}


@pytest.mark.parametrize(
    ("error", "code", "reason", "metadata"),
    [
        (PermissionDenied("no"), 7, "PERMISSION_DENIED", {}),
        (AlreadyExists("no"), 6, "ALREADY_EXISTS", {}),
        (Aborted("no"), 10, "CONFLICT", {}),
        (
            DeadlineExceeded("late", limit="max_call_seconds", seconds=2.5),
            4,
            "CALL_TIMED_OUT",
            {"limit": "max_call_seconds", "value": "2.5"},
        ),
        (
            PageTokenExpired(24),
            3,
            "PAGE_TOKEN_EXPIRED",
            {"field": "page_token", "valid_hours": "24"},
        ),
        (PageTokenInvalid(), 3, "PAGE_TOKEN_INVALID", {"field": "page_token"}),
    ],
)
def test_each_error_has_its_code_and_reason(
    error: WeirError, code: int, reason: str, metadata: dict[str, str]
) -> None:
    status = rpc_status(error)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason, dict(info.metadata)) == (code, reason, metadata)


def test_a_misspelt_reason_fails_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="ERROR_REASON_TYPO"):
        InvalidArgument("x", reason="TYPO")


@pytest.mark.parametrize(("seconds", "milliseconds"), [(0.0, 0), (0.25, 250), (61.5, 61_500)])
def test_durations(seconds: float, milliseconds: int) -> None:
    assert duration(seconds).ToMilliseconds() == milliseconds
