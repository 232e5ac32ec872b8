"""Whether the check of `weir demo`, and `weir rollup verify`, would notice if something were wrong."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from demo.check import check
from demo.generator import generate_day
from demo.numbers import Numbers
from demo.stored import StoredEvents
from demo.traffic import record_choices, stream_day
from libs.catalog import load_catalogs
from suite.supervisor import Suite
from tests.support.repository import REPOSITORY
from tests.support.weir_command import weir

pytestmark = pytest.mark.xdist_group("e2e apps")


def test_the_check_notices_what_is_wrong(growing_suite: Suite) -> None:
    catalogs = load_catalogs(REPOSITORY / "catalogs")
    addresses = growing_suite.addresses
    # Yesterday, because events of long ago may have expired, as far as `weir rollup verify` knows.
    day = generate_day(3, 2_000, datetime.now(UTC).date() - timedelta(days=1))
    record_choices(addresses, day.choices)
    answered = stream_day(addresses, day, lambda sent: None)
    with (
        Numbers(addresses) as numbers,
        StoredEvents(addresses.read_database_url) as stored,
        psycopg.connect(addresses.database_url, autocommit=True) as connection,
    ):

        def findings() -> tuple[list[str], int]:
            found = check(day, answered, numbers, stored, catalogs, timeout_seconds=20)
            return found.wrong, found.totals.mismatches

        assert findings() == ([], 0)
        for app_id in catalogs:
            verified = weir(growing_suite.home.path, "rollup", "verify", "--app", app_id)
            assert verified.returncode == 0, verified.stdout + verified.stderr
            assert verified.stdout.endswith(" compared, 0 differ\n")
            assert not verified.stdout.startswith("0 cells") or app_id == "gamelaunch"
        # One number of one cell of a rollup that only SQL recounts.
        connection.execute(
            "UPDATE aggregate.measures SET count = count + 1 WHERE metric = 'viewers' AND cell_id ="
            " (SELECT cell_id FROM aggregate.cells WHERE rollup = 'views' LIMIT 1)"
        )
        wrong, mismatches = findings()
        assert mismatches == len(wrong) == 1
        assert "social_live views" in wrong[0]
        verified = weir(growing_suite.home.path, "rollup", "verify", "--app", "social_live")
        assert (verified.returncode, verified.stdout.count("\n")) == (1, 2)
        assert "  views  " in verified.stdout
        assert verified.stdout.endswith(" compared, 1 differ\n")
        # A cell too many.
        connection.execute(
            'UPDATE aggregate.cells SET dimensions = \'{"currency": "XXX"}\''
            " WHERE rollup = 'revenue' AND dimensions ->> 'currency' = 'EUR'"
        )
        wrong, mismatches = findings()
        # The one that is there and the one that is not, each by SQL and by the generator.
        assert mismatches == 3
        assert sum("social_live revenue" in line for line in wrong) == 4
        # An event that is gone from the store.
        connection.execute(
            "DELETE FROM enrich.events WHERE event_uuid ="
            " (SELECT event_uuid FROM enrich.events WHERE name = 'purchase' LIMIT 1)"
        )
        wrong, mismatches = findings()
        assert mismatches > 3
        assert any("stored" in line for line in wrong)
