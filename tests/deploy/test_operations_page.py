"""docs/operations.md lists every setting with its default, and every metric: it can't rot unseen."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import cast
from unittest.mock import Mock

import pytest
from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.audit import Action
from libs.catalog import Catalogs
from libs.common.expiry import ListOverdue
from libs.jobs.job import Job
from libs.runtime.settings import (
    CommonSettings,
    PeerSettings,
    PseudonymSettings,
    ReadDatabaseSettings,
)
from libs.streams.settings import StreamReaderSettings
from services.aggregate.expiry.expiry import Expiry
from services.aggregate.jobs import aggregate_jobs
from services.aggregate.renaming.postgres import MemberRenamer
from services.aggregate.results.postgres import PostgresResults
from services.aggregate.results.schedules import ResultJobs
from services.aggregate.settings import AggregateSettings
from services.enrich.anonymization.job import Anonymization
from services.enrich.archive.expiry import ArchiveExpiry
from services.enrich.archive.job import Archiving
from services.enrich.jobs import enrich_jobs
from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.persons.postgres import PersonFiller
from services.enrich.retention.removal import Removal
from services.enrich.settings import EnrichSettings
from services.ingest.dead_letters.expiry import LetterExpiry
from services.ingest.jobs import ingest_jobs
from services.ingest.replay.expiry import ReplayExpiry
from services.ingest.settings import IngestSettings
from services.privacy.audit.pruning import AuditPruning
from services.privacy.jobs import privacy_jobs
from services.privacy.sealing.kept import KeptKeys
from services.privacy.sealing.rewrapping import Rewrapping
from services.privacy.settings import PrivacySettings
from tests.support.clocks import FixedClock
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
SERVICES = ("ingest", "enrich", "aggregate", "privacy")
SECTIONS: dict[str, type[CommonSettings]] = {
    "All services": CommonSettings,
    "Services that read streams": StreamReaderSettings,
    "Services that make pseudonyms": PseudonymSettings,
    "Services that read what may be late": ReadDatabaseSettings,
    "Services that call others": PeerSettings,
    "ingest": IngestSettings,
    "enrich": EnrichSettings,
    "aggregate": AggregateSettings,
    "privacy": PrivacySettings,
}


def _rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without the table's own head."""
    section = re.split(r"^#+ ", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)
    lines = [line for line in section[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value() or None
    if value is None:
        return "(none)"
    if isinstance(value, Path):
        value = value.relative_to(REPOSITORY)
    return f"`{value}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_settings_and_defaults(section: str) -> None:
    settings = SECTIONS[section]
    inherited = {name for base in settings.__bases__ for name in getattr(base, "model_fields", {})}
    expected = {
        f"`{settings.variable(name)}`": _shown(field.default)
        for name, field in settings.model_fields.items()
        if name not in inherited
    }
    if section == "All services":
        expected["`WEIR_PORT`"] = "by service"
    rows = _rows(section)
    assert {name: default for name, default, _ in rows} == expected
    assert len(rows) == len(expected)
    assert all(meaning for _, _, meaning in rows)


def test_ports_are_named_beside_the_variable() -> None:
    (meaning,) = (row[2] for row in _rows("All services") if row[0] == "`WEIR_PORT`")
    for service in SERVICES:
        port = SECTIONS[service].model_fields["port"].default
        assert f"{service} {port}" in meaning


def _metrics() -> Iterator[tuple[str, str, str]]:
    """Name in the exposition, labels and help of everything that the services measure."""
    modules = [f"services.{service}.metrics" for service in SERVICES]
    libraries = [
        f"libs.{library}.metrics" for library in ("streams", "jobs", "rpc", "stores", "runtime")
    ]
    for module in (*modules, *libraries):
        for metric in vars(import_module(module)).values():
            if isinstance(metric, MetricWrapperBase):
                (family,) = metric.describe()
                labels = ", ".join(metric._labelnames)
                yield _exposed(family.name, family.type), labels, family.documentation


def _exposed(name: str, kind: str) -> str:
    return f"`{name}_total`" if kind == "counter" else f"`{name}`"


def test_metrics() -> None:
    measured = [(name, labels, text[0].lower() + text[1:]) for name, labels, text in _metrics()]
    on_page = [(name, labels, meaning) for name, labels, meaning in _rows("Metrics")]
    assert sorted(on_page) == sorted(measured)


def test_every_metric_named_in_prose_exists() -> None:
    names = {name.strip("`") for name, _, _ in _metrics()}
    # Roles in Postgres.
    names |= {"weir_owner", "weir_read", *(f"weir_{service}" for service in SERVICES)}
    assert set(re.findall(r"\bweir_[a-z_]+", PAGE)) <= names


def test_jobs_and_schedules() -> None:
    redis, engine = cast(Redis, None), cast(AsyncEngine, None)
    filler, renamer = cast(PersonFiller, None), cast(MemberRenamer, None)
    jobs: list[Job] = [
        *ingest_jobs(
            redis,
            [],
            cast(LetterExpiry, Mock()),
            cast(ReplayExpiry, Mock()),
            IngestSettings(),
        ),
        *enrich_jobs(
            redis,
            engine,
            cast(PartitionKeeper, None),
            filler,
            cast(Anonymization, None),
            cast(Removal, None),
            cast(Archiving, None),
            cast(ArchiveExpiry, Mock()),
            EnrichSettings(),
        ),
        *aggregate_jobs(redis, engine, renamer, cast(Expiry, Mock()), AggregateSettings()),
        *privacy_jobs(
            cast(AuditPruning, Mock()),
            cast(Rewrapping, Mock()),
            cast(KeptKeys, Mock()),
            cast(ListOverdue, None),
        ),
        # And those of no catalog.
        *ResultJobs(
            Catalogs.of(), PostgresResults(engine), FixedClock.of_us(), lambda: None
        ).current(),
    ]
    due = {}
    for job in jobs:
        minute, hour, *days = job.schedule.expression.split()
        if days == ["1", "*", "*"]:
            due[f"`{job.name}`"] = f"monthly on the 1st, {hour:0>2}:{minute:0>2}"
            continue
        assert days == ["*", "*", "*"]
        if minute.startswith("*/"):
            due[f"`{job.name}`"] = f"every {minute[2:]} minutes"
            continue
        due[f"`{job.name}`"] = (
            f"hourly at :{minute:0>2}" if hour == "*" else f"daily {hour:0>2}:{minute:0>2}"
        )
    assert {name: when for name, when, *_ in _rows("Jobs")} == due


def test_every_variable_named_in_prose_exists() -> None:
    known = {
        settings.variable(name) for settings in SECTIONS.values() for name in settings.model_fields
    }
    # With its own prefix, a service also reads what is common to all.
    known |= {
        f"WEIR_{service.upper()}_{name.upper()}"
        for service in SERVICES
        for name in SECTIONS[service].model_fields
    }
    assert set(re.findall(r"\bWEIR_[A-Z_]+", PAGE)) <= known | {"WEIR_HOME"}


def test_every_file_that_it_names_exists() -> None:
    named = set(re.findall(r"\bdeploy/[\w./-]+\w", PAGE))
    assert named
    assert all((REPOSITORY / path).exists() for path in named)


def test_every_action_of_the_audit_trail_is_listed_and_is_written_somewhere() -> None:
    listed = [
        name for cells in _rows("The audit trail") for name in re.findall(r"`([^`]+)`", cells[0])
    ]
    assert sorted(listed) == sorted(Action)
    own = REPOSITORY / "libs" / "audit" / "entry.py"
    code = "".join(
        path.read_text()
        for folder in ("libs", "services", "cli")
        for path in (REPOSITORY / folder).rglob("*.py")
        if path != own
    )
    assert [action.name for action in Action if f"Action.{action.name}" not in code] == []
