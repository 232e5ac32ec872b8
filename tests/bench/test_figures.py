"""The arithmetic of the benchmark, against numbers worked out by hand. Nothing is timed."""

import json

import pytest

from tests.bench.figures import Figure, pair_ratios, percentile, ratio_of_medians
from tests.bench.processes import cpu_us_per_event
from tests.bench.report import Report, target, verdict
from tests.bench.traffic import PRODUCTS, AppTraffic, Product


def test_a_figure_is_the_middle_value_with_its_range() -> None:
    assert Figure.of([30.0, 10.0, 20.0]) == Figure(median=20.0, low=10.0, high=30.0)


def test_of_an_even_number_the_middle_two_are_averaged() -> None:
    assert Figure.of([1.0, 4.0, 2.0, 100.0]) == Figure(median=3.0, low=1.0, high=100.0)


def test_no_run_gives_no_figure() -> None:
    with pytest.raises(ValueError, match="no run"):
        Figure.of([])


@pytest.mark.parametrize(
    ("percent", "expected"),
    # Nearest rank of five values: 5 % of 5 is 0.25, so the first; 50 % is 2.5, so the third.
    [(5, 15.0), (30, 20.0), (40, 20.0), (50, 35.0), (99, 50.0), (100, 50.0)],
)
def test_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([35.0, 20.0, 50.0, 15.0, 40.0], percent) == expected


def test_p99_of_two_hundred_leaves_out_the_two_largest() -> None:
    assert percentile([float(value) for value in range(1, 201)], 99) == 198.0


def test_ratios_are_taken_pair_by_pair() -> None:
    # Of the medians it would be 20 to 40: as if one run's bad luck had been another's.
    ratios = pair_ratios([10.0, 20.0, 30.0], [40.0, 50.0, 30.0])
    assert ratios == [0.25, 0.4, 1.0]
    assert Figure.of(ratios).median == 0.4


def test_a_ratio_of_medians_is_not_moved_by_one_slow_run_of_a_side() -> None:
    # The medians are 95 and 100; of the pairs, 95 to 400 is the smallest, and 95 to 98 the largest.
    figure = ratio_of_medians([95.0, 94.0, 95.0], [400.0, 100.0, 98.0])
    assert figure == Figure(median=0.95, low=95 / 400, high=95 / 98)


def test_a_run_without_its_partner_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        pair_ratios([1.0, 2.0], [1.0])


def test_cpu_is_the_difference_over_the_events() -> None:
    before = {"ingest": 1.0, "redis": 2.0}
    after = {"ingest": 1.5, "redis": 2.05}
    # Half a second for 100,000 events is 5 µs each; 50 ms is half a microsecond.
    per_event = cpu_us_per_event(before, after, 100_000)
    assert per_event == pytest.approx({"ingest": 5.0, "redis": 0.5})


@pytest.mark.parametrize(
    ("name", "median", "expected"),
    [
        ("end_to_end_ratio", 0.42, "ok"),
        ("end_to_end_ratio", 0.419, "falls short"),
        ("check_consent_ratio", 0.85, "ok"),
        ("batch_checks_per_s", 299_999.0, "falls short"),
        ("live_p99_ms", 599.0, "ok"),
        ("live_p99_ms", 600.0, "falls short"),
        ("live_p99_ms_light", 249.0, "ok"),
        ("stored_p99_ms", 999.0, "ok"),
        ("track_p99_ratio", 1.01, "falls short"),
        ("echo_per_s", 1.0, ""),
    ],
)
def test_targets_are_those_of_the_design(name: str, median: float, expected: str) -> None:
    assert verdict(name, Figure(median, median, median)) == expected
    assert bool(target(name)) is bool(expected)


def test_the_json_line_has_exactly_the_agreed_keys() -> None:
    report = Report()
    report.add("end_to_end_ratio", [0.5, 0.25, 0.75])
    report.add_by_service("rss_mb", [{"ingest": 100.4, "redis": 20.0}])
    line = json.loads(report.json_line())
    assert list(line) == [
        "end_to_end_events_per_s",
        "raw_copy_rows_per_s",
        "end_to_end_ratio",
        "check_consent_per_s",
        "echo_per_s",
        "check_consent_ratio",
        "batch_checks_per_s",
        "sealing_ratio",
        "sealing_cpu_ratio",
        "live_p99_ms",
        "stored_p99_ms",
        "live_p99_ms_light",
        "stored_p99_ms_light",
        "track_p99_ms",
        "echo_p99_ms_128",
        "fsync_ms",
        "track_p99_ratio",
        "redis_bytes_per_id",
        "cpu_us_per_event",
        "rss_mb",
        "by_hand_ratio",
        "by_hand_ratio_128_callers",
        "small_batches",
    ]
    assert line["end_to_end_ratio"] == 0.5
    assert line["rss_mb"] == {"ingest": 100, "redis": 20.0}
    assert line["echo_per_s"] is None


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.app_id)
def test_no_event_is_sent_twice_and_people_are_the_same_each_time(product: Product) -> None:
    first, second = (AppTraffic(product, seed=7) for _ in range(2))
    assert first.people == second.people
    one, two = (traffic.frames(4, 50, 10**15, 10**15 + 10**9) for traffic in (first, second))
    assert one.events == 200
    assert one.subjects == two.subjects
    assert not set(one.event_ids()) & set(two.event_ids())
    assert len(set(one.event_ids())) == 200


def test_shares_make_a_whole() -> None:
    assert sum(product.share for product in PRODUCTS) == pytest.approx(1.0)
    assert sum(product.people for product in PRODUCTS) >= 50_000
