"""Errors as google.rpc.Status: reason, domain, field, how long to wait."""

import pytest
from google.rpc import error_details_pb2

from libs.common.errors import AppUnknown, InvalidArgument, ResourceExhausted, Unavailable
from libs.common.sharding import shard_key, shard_of
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
    status = rpc_status(ResourceExhausted("too many", metadata={"limit": "max_events"}))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason) == (8, "LIMIT_EXCEEDED")
    assert dict(info.metadata) == {"limit": "max_events"}


def test_what_is_not_found_is_answered_with_what_there_is() -> None:
    status = rpc_status(AppUnknown("ches", ["go", "chess"]))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason, dict(info.metadata)) == (5, "APP_UNKNOWN", {"app_id": "ches"})
    assert status.message == "no catalog is loaded for this app; there are chess, go"
    assert rpc_status(AppUnknown("ches", [])).message.endswith("; there are none")


def test_a_refusal_fits_into_metadata_whatever_was_asked_and_however_much_there_is() -> None:
    apps = [f"a{number:062}" for number in range(500)]
    status = rpc_status(AppUnknown("x" * 100_000, apps))
    # gRPC's limit for all metadata of an answer is 8 KiB, and the message is in them twice.
    assert 2 * len(status.SerializeToString()) < 8 * 1024
    assert status.message.endswith(f", {apps[19]}, 480 more")


def test_a_misspelt_reason_fails_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="ERROR_REASON_TYPO"):
        InvalidArgument("x", reason="TYPO")


@pytest.mark.parametrize(("seconds", "milliseconds"), [(0.0, 0), (0.25, 250), (61.5, 61_500)])
def test_durations(seconds: float, milliseconds: int) -> None:
    assert duration(seconds).ToMilliseconds() == milliseconds


def test_shards() -> None:
    assert shard_of("chess", "ann", 1) == 0
    places = [shard_of("chess", f"s{number}", 8) for number in range(8_000)]
    assert places == [shard_of("chess", f"s{number}", 8) for number in range(8_000)]
    # Each shard's expectation is 1,000, with a standard deviation of 30.
    assert all(880 < places.count(shard) < 1_120 for shard in range(8))
    assert shard_key("ingest", 3, "seen", "chess", "17") == "ingest:{3}:seen:chess:17"
