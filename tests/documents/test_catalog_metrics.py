"""Metrics of the documents as the shipped catalogs declare them, with numbers by hand."""

from collections.abc import Callable

import pytest

from tests.support.documents.shipped import catalogs
from tests.support.metric_reader import MetricReader
from tests.support.stored_cells import StoredCells


class App:
    """A shipped app: what is stored of it, and what its metrics say."""

    def __init__(self, name: str, database_url: str, role_url: str) -> None:
        self.cells = StoredCells(database_url, name)
        self.metrics = MetricReader(catalogs()[name], role_url)


@pytest.fixture
def app(database_url: str, role_url: Callable[[str], str]) -> Callable[[str], App]:
    return lambda name: App(name, database_url, role_url("weir_aggregate"))


async def test_the_mission_completion_rate(app: Callable[[str], App]) -> None:
    """UC106: 30 and 15 missions of two types, of 60 assigned ones; another community has none assigned."""
    uc = app("unofficial_communities")
    for community, kind, completions in (
        ("c1", "daily", 30),
        ("c1", "weekly", 15),
        ("c2", "daily", 4),
    ):
        uc.cells.add(
            "mission_completion",
            "2026-05-02",
            dimensions={"community_id": community, "mission_type": kind},
            numbers={"completions": {"count": completions}},
        )
    uc.cells.add(
        "mission_assignment",
        "2026-05-02",
        dimensions={"community_id": "c1"},
        numbers={"assigned": {"count": 20, "total": 60}},
    )
    found = await uc.metrics.values("mission_completion_rate", "2026-05-02", "2026-05-03")
    assert [(each.dimensions["community_id"], each.answer.value) for each in found] == [
        ("c1", 0.75),
        ("c2", None),
    ]


async def test_retention_by_signup(app: Callable[[str], App]) -> None:
    """UC104 and UC105: four sign up on May 1, three of them are active on May 2, one on May 8, in whatever
    community; one who is active had not signed up then."""
    uc = app("unofficial_communities")
    for community, people in (("c1", "ann bob cat"), ("c2", "dan")):
        uc.cells.add(
            "signups",
            "2026-05-01",
            dimensions={"community_id": community},
            people={"new_users": people.split()},
        )
    for day, community, active in (
        ("2026-05-02", "c1", "ann bob"),
        ("2026-05-02", "c2", "ann dan eve"),
        ("2026-05-08", "c1", "cat eve"),
    ):
        uc.cells.add(
            "dau",
            day,
            dimensions={"community_id": community},
            people={"active_users": active.split()},
        )
    for name, day, end, share in (
        ("d1_retention", "2026-05-02", "2026-05-03", 0.75),
        ("d7_retention", "2026-05-08", "2026-05-09", 0.25),
        ("d30_retention", "2026-05-31", "2026-06-01", 0.0),
    ):
        [found] = await uc.metrics.values(name, day, end)
        assert (found.answer.value, found.answer.breakdown["people"]) == (share, 4.0)


async def test_the_completion_rate_of_an_hour(app: Callable[[str], App]) -> None:
    """AV-056: three of four between 9 and 10; between 10 and 11 one is completed, and none started."""
    addvalue = app("addvalue")
    for hour, name, count in (
        ("09", "activation_started", 4),
        ("09", "activation_completed", 3),
        ("10", "activation_completed", 1),
    ):
        addvalue.cells.add(
            "activations",
            f"2026-05-02T{hour}:00Z",
            dimensions={"name": name},
            numbers={"activations": {"count": count}},
        )
    found = await addvalue.metrics.values(
        "activation_completion_rate", "2026-05-02T09:00", "2026-05-02T11:00"
    )
    assert [each.answer.value for each in found] == [0.75, None]


async def test_the_change_of_wave_participation(app: Callable[[str], App]) -> None:
    """AV-059: 2 + 3 actions, and then 8."""
    addvalue = app("addvalue")
    for hour, name, count in (
        ("09", "wave_joined", 2),
        ("09", "wave_left", 3),
        ("10", "wave_joined", 8),
    ):
        addvalue.cells.add(
            "wave_participation",
            f"2026-05-02T{hour}:00Z",
            dimensions={"name": name},
            numbers={"actions": {"count": count}},
        )
    [found] = await addvalue.metrics.values("wave_change", "2026-05-02T10:00", "2026-05-02T11:00")
    assert found.answer.value == 3.0
    assert found.answer.breakdown == {"before": 5.0, "now": 8.0, "share": 0.6}


async def test_the_executive_report(app: Callable[[str], App]) -> None:
    """AV-077: users and churn of May, and their trend over three months: 4, 6 and 8 users."""
    addvalue = app("addvalue")
    for month, people in (("2026-03", "abcd"), ("2026-04", "abcdef"), ("2026-05", "abcghijk")):
        addvalue.cells.add("platform_month", f"{month}-01", people={"active_users": people})
        addvalue.cells.add("activity", f"{month}-15", people={"active_users": people})
    report = catalogs()["addvalue"].jobs["executive_report"]
    found = {}
    for name in report.metrics:
        [value] = await addvalue.metrics.values(name, "2026-05-01", "2026-06-01")
        found[name] = value.answer
    assert found["mau"].value == 8.0
    # d, e and f of six.
    assert found["churn"].value == 0.5
    assert found["monthly_users_trend"].value == pytest.approx(2.0)
    assert found["monthly_users_trend"].breakdown["forecast"] == pytest.approx(10.0)
    assert found["monthly_microacts_trend"].data_points == 0


async def test_seats_in_use(app: Callable[[str], App]) -> None:
    """LMS: 30 of 40 seats by the newer of two days for one organization, 5 of 10 for another."""
    lms = app("mlc_lms")
    for organization, used, total in (("o1", 30, 40), ("o2", 5, 10)):
        lms.cells.add(
            "seats",
            "2026-05-02",
            dimensions={"organization_id": organization},
            numbers={
                "used": {"count": 1, "last_number": [1, "0" * 32, used]},
                "total": {"count": 1, "last_number": [1, "0" * 32, total]},
            },
        )
    found = await lms.metrics.values("seat_utilization", "2026-05-02", "2026-05-03")
    assert [each.answer.value for each in found] == [0.75, 0.5]


async def test_the_share_of_those_who_are_satisfied(app: Callable[[str], App]) -> None:
    """AV-166: four of five who answered in May, one of one in June, no answer in July."""
    addvalue = app("addvalue")
    for month, answered, satisfied in (
        ("2026-05-01", "ann bob cat dan eve", "ann bob cat eve"),
        ("2026-06-01", "ann", "ann"),
    ):
        addvalue.cells.add(
            "transparency_survey",
            month,
            people={"answered": answered.split(), "satisfied": satisfied.split()},
        )
    found = await addvalue.metrics.values("transparency_satisfaction", "2026-05-01", "2026-08-01")
    assert [each.answer.value for each in found] == [0.8, 1.0, None]
