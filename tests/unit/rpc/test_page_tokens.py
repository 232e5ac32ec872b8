"""Page tokens are valid for one RPC, one set of parameters and one day; all others are rejected."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.enrich.v1 import enrich_service_pb2
from weir.ingest.v1 import ingest_service_pb2
from weir.privacy.v1 import privacy_service_pb2

from libs.common.errors import InvalidArgument, PageTokenExpired, PageTokenInvalid
from libs.rpc.page_tokens import PageTokens, page_size
from services.aggregate.convert import zoned_time
from services.aggregate.model import Cursor
from services.aggregate.rollups.convert import cell_cursor, cursor_values
from services.privacy.consent.convert import history_cursor
from services.privacy.consent.model import HistoryCursor
from tests.support.clocks import FixedClock

RPC = "/weir.aggregate.v1.AggregateService/QueryRollup"
DAY_SECONDS = 24 * 60 * 60
HERE = Cursor(datetime(2026, 4, 27, tzinfo=UTC), '{"guild_id":"g1"}', "ab" * 16)


def clock_now() -> FixedClock:
    return FixedClock.of_us(1_800_000_000_000_000)


def request(**fields: Any) -> pb.QueryRollupRequest:
    where = fields.pop("where", {"guild_id": "g1", "mode": "duel"})
    made = pb.QueryRollupRequest(**{"app_id": "arena", "rollup": "matches", **fields})
    made.dimensions.update(where)
    return made


def issued(clock: FixedClock, **fields: Any) -> str:
    return PageTokens(RPC, clock).issue(request(**fields), cursor_values(HERE))


def read(clock: FixedClock, token: str, *, rpc: str = RPC, **fields: Any) -> Cursor | None:
    return PageTokens(rpc, clock).read(request(page_token=token, **fields), cell_cursor)


def test_a_token_leads_back_to_its_place() -> None:
    clock = clock_now()
    assert read(clock, issued(clock)) == HERE
    assert read(clock, "") is None


def test_a_token_serves_other_page_sizes_and_any_order_of_a_map() -> None:
    clock = clock_now()
    assert read(clock, issued(clock, page_size=10), page_size=99) == HERE
    assert read(clock, issued(clock), where={"mode": "duel", "guild_id": "g1"}) == HERE


@pytest.mark.parametrize(
    "other",
    [
        {"app_id": "chess"},
        {"rollup": "events"},
        {"where": {"guild_id": "g2", "mode": "duel"}},
        {"where": {}},
        {"rpc": "/weir.aggregate.v1.AggregateService/QueryCohortRetention"},
    ],
)
def test_a_token_of_another_call_is_invalid(other: dict[str, Any]) -> None:
    clock = clock_now()
    with pytest.raises(PageTokenInvalid) as rejection:
        read(clock, issued(clock), **other)
    assert (rejection.value.reason, rejection.value.field) == ("PAGE_TOKEN_INVALID", "page_token")


@pytest.mark.parametrize(
    ("age", "error"),
    [(0, None), (DAY_SECONDS, None), (DAY_SECONDS + 1, PageTokenExpired), (-300, None)],
)
def test_a_token_is_valid_for_a_day(age: int, error: type[Exception] | None) -> None:
    clock = clock_now()
    token = issued(clock)
    clock.now += timedelta(seconds=age)
    if error is None:
        assert read(clock, token) == HERE
    else:
        with pytest.raises(error) as rejection:
            read(clock, token)
        assert isinstance(rejection.value, PageTokenExpired)
        assert rejection.value.reason == "PAGE_TOKEN_EXPIRED"


def test_a_token_of_another_call_is_invalid_also_when_it_is_old() -> None:
    clock = clock_now()
    token = issued(clock)
    clock.now += timedelta(seconds=DAY_SECONDS + 1)
    with pytest.raises(PageTokenInvalid):
        read(clock, token, app_id="chess")


def test_a_token_of_the_future_is_invalid() -> None:
    clock = clock_now()
    token = issued(clock)
    clock.now -= timedelta(seconds=301)
    with pytest.raises(PageTokenInvalid):
        read(clock, token)


def test_a_token_with_one_bit_changed_is_invalid() -> None:
    clock = clock_now()
    token = issued(clock)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises(PageTokenInvalid):
            read(clock, base64.urlsafe_b64encode(changed).decode())
        with pytest.raises(PageTokenInvalid):
            read(clock, base64.urlsafe_b64encode(raw[:position]).decode() or "=")


@pytest.mark.parametrize("token", ["x", "e30=", "bnVsbA==", "WzEsMiwzLDRd", "'); DROP TABLE", "é"])
def test_nonsense_is_no_token(token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        read(clock_now(), token)


@pytest.mark.parametrize(
    ("parse", "values"),
    [
        (cell_cursor, []),
        (cell_cursor, ["2026-04-27", "{}", "ab" * 16]),
        (cell_cursor, ["2026-04-27T00:00:00+00:00", "{", "ab" * 16]),
        (cell_cursor, ["2026-04-27T00:00:00+00:00", '"\\u0000"', "ab" * 16]),
        (cell_cursor, ["2026-04-27T00:00:00+00:00", "{}", "ab" * 15]),
        (cell_cursor, ["2026-04-27T00:00:00+00:00", "{}", 7]),
        (cell_cursor, [None, "{}", "ab" * 16]),
        (zoned_time, ["2026-04-27"]),
        (zoned_time, [1]),
        (history_cursor, [2**63, "telemetry"]),
        (history_cursor, [-1, "telemetry"]),
        (history_cursor, ["7", "telemetry"]),
        (history_cursor, [7, "\x00"]),
        (history_cursor, [7, 7]),
    ],
)
def test_a_forged_cursor_is_invalid(parse: Callable[..., object], values: list[Any]) -> None:
    """A token is not signed: a forged one has the right hash, and must not reach the database."""
    clock = clock_now()
    token = PageTokens(RPC, clock).issue(request(), values)
    with pytest.raises(PageTokenInvalid):
        PageTokens(RPC, clock).read(request(page_token=token), parse)


def test_a_forged_token_that_holds_no_list_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_now()
    for content in (b"7", b"{", b"null"):
        monkeypatch.setattr("libs.rpc.page_tokens.orjson.dumps", lambda _, content=content: content)
        token = PageTokens(RPC, clock).issue(request(), [])
        monkeypatch.undo()
        with pytest.raises(PageTokenInvalid):
            read(clock, token)


def test_a_place_in_a_history() -> None:
    clock = clock_now()
    pages = PageTokens("/weir.privacy.v1.PrivacyService/GetConsentHistory", clock)
    ann = privacy_service_pb2.GetConsentHistoryRequest(app_id="chess", subject_id="ann")
    token = pages.issue(ann, [7, "telemetry"])
    assert "ann" not in base64.urlsafe_b64decode(token + "==").decode(errors="replace")
    ann.page_token = token
    assert pages.read(ann, history_cursor) == HistoryCursor(7, "telemetry")
    ann.subject_id = "bob"
    with pytest.raises(PageTokenInvalid):
        pages.read(ann, history_cursor)


def test_the_size_of_a_page() -> None:
    assert [page_size(asked, default=100, maximum=1_000) for asked in (0, 1, 1_000)] == [
        100,
        1,
        1_000,
    ]
    with pytest.raises(InvalidArgument, match="at most 1000") as rejection:
        page_size(1_001, default=100, maximum=1_000)
    assert rejection.value.field == "page_size"


def _services() -> Iterator[ServiceDescriptor]:
    for module in (pb, enrich_service_pb2, ingest_service_pb2, privacy_service_pb2):
        yield from module.DESCRIPTOR.services_by_name.values()


def test_every_rpc_with_pages_has_the_same_fields() -> None:
    paged = [
        method
        for service in _services()
        for method in service.methods
        if "page_token" in method.input_type.fields_by_name
    ]
    assert {method.name for method in paged} == {
        "ListOwnEvents",
        "QueryRollup",
        "GetMetric",
        "QueryCohorts",
        "QueryCohortRetention",
        "GetConsentHistory",
        "ListEvents",
    }
    for method in paged:
        assert "next_page_token" in method.output_type.fields_by_name
        size = method.input_type.fields_by_name.get("page_size")
        assert size is None or size.type == size.TYPE_UINT32
