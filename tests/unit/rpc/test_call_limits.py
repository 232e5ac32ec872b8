"""Callers without a token are limited by address as well, so that one does not use up the limit of all."""

from contextlib import ExitStack

import pytest

from libs.common.errors import LimitExceeded
from libs.rpc.access import ANONYMOUS, SUITE_TOKEN
from libs.rpc.call_limits import OpenCalls

PER_ADDRESS = "max_anonymous_calls_per_address"


def _limits(per_address: int = 2) -> OpenCalls:
    return OpenCalls(per_connection=100, per_credential=5, per_address=per_address)


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (["ipv4:192.0.2.7:50001", "ipv4:192.0.2.7:50002"], "ipv4:192.0.2.8:50001"),
        # A /64 network is one caller's; addresses of IPv4 inside IPv6 are callers of their own.
        (
            ["ipv6:%5B2001:db8::1%5D:50001", "ipv6:%5B2001:db8::ffff:2%5D:50002"],
            "ipv6:%5B2001:db8:0:1::1%5D:50001",
        ),
        (
            ["ipv6:%5B::ffff:192.0.2.7%5D:50001", "ipv6:%5B::ffff:192.0.2.7%5D:50002"],
            "ipv6:%5B::ffff:192.0.2.8%5D:50001",
        ),
    ],
)
def test_an_address_that_is_full_leaves_others_theirs(same: list[str], other: str) -> None:
    streams = _limits()
    with ExitStack() as stack:
        for peer in same:
            stack.enter_context(streams.hold(connection=peer, credential=ANONYMOUS.name))
            stack.enter_context(streams.hold_waiting(connection=peer))
        with (
            pytest.raises(LimitExceeded, match=PER_ADDRESS),
            streams.hold(connection=same[0], credential=ANONYMOUS.name),
        ):
            pass
        with (
            pytest.raises(LimitExceeded, match=PER_ADDRESS),
            streams.hold_waiting(connection=same[0]),
        ):
            pass
        stack.enter_context(streams.hold(connection=other, credential=ANONYMOUS.name))
        stack.enter_context(streams.hold_waiting(connection=other))
        stack.enter_context(streams.hold(connection=same[0], credential=SUITE_TOKEN.name))
    with streams.hold(connection=same[0], credential=ANONYMOUS.name):
        pass


def test_waiting_calls_of_all_addresses_are_bounded_apart_from_streams() -> None:
    streams = _limits()
    with ExitStack() as stack:
        for last in range(5):
            peer = f"ipv4:192.0.2.{last}:50001"
            stack.enter_context(streams.hold_waiting(connection=peer))
            stack.enter_context(streams.hold(connection=peer, credential=ANONYMOUS.name))
        with (
            pytest.raises(LimitExceeded, match="max_streams_per_credential"),
            streams.hold_waiting(connection="ipv4:192.0.2.9:50001"),
        ):
            pass
