"""In a running suite each service is logged in to Postgres as its own role, and knows no other login."""

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from suite.supervisor import Suite
from suite.table import SERVICES
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("suite")
LOGINS = """
    SELECT DISTINCT application_name, usename::text FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'weir-%'
"""


def test_services_are_logged_in_as_their_own_roles(suite: Suite) -> None:
    def logins() -> set[tuple[str, str]]:
        with psycopg.connect(suite.addresses.database_url) as connection:
            return set(connection.execute(LOGINS).fetchall())

    services = {row.name for row in SERVICES}
    # Each service's health asks over a connection of its own, whether or not events come.
    eventually(lambda: {("weir-health", f"weir_{service}") for service in services} <= logins())
    # aggregate has `weir-aggregate-queries` as well.
    assert all(
        user == "weir_" + application.split("-")[1]
        for application, user in logins()
        if application != "weir-health"
    )


def test_a_service_knows_its_own_password_alone(suite: Suite) -> None:
    folder = suite.home.path / "postgres"
    passwords = {file.stem: file.read_text().strip() for file in folder.glob("*password")}
    assert passwords.keys() >= {"password", *(row.database_role for row in SERVICES)}
    for row in SERVICES:
        environment = psutil.Process(suite.pid(row.name)).environ()
        known = {
            role
            for role, password in passwords.items()
            if any(password in value for value in environment.values())
        }
        assert known == {row.database_role}
        assert make_url(environment["WEIR_DATABASE_URL"]).username == row.database_role
