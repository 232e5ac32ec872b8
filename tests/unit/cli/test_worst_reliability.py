"""How far the pages of an answer can be relied on together."""

from weir.aggregate.v1 import reliability_pb2

from cli.commands.query_behaviour import worst_reliability

FINAL = reliability_pb2.COMPLETENESS_FINAL
PROVISIONAL = reliability_pb2.COMPLETENESS_PROVISIONAL


def test_the_worst_of_each_page_counts() -> None:
    first = reliability_pb2.Reliability(completeness=FINAL, sampling_rate=1)
    first.watermark.seconds = 1_700_000_000
    second = reliability_pb2.Reliability(completeness=PROVISIONAL, sampling_rate=1)
    third = reliability_pb2.Reliability(
        completeness=FINAL, sampling_rate=0.5, cut=reliability_pb2.Cut(limit="sampling")
    )
    worst = worst_reliability([first, second, third])
    assert worst.completeness == PROVISIONAL
    assert worst.sampling_rate == 0.5
    assert worst.cut.limit == "sampling"
    assert not worst.HasField("watermark")
    assert worst_reliability([first]) == first
