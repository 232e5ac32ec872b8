"""docs/privacy.md names every table of a migrated database, every key of Redis that services make, and every
setting that says how long something is kept."""

import ast
import re
from typing import Any

import psycopg
from pydantic_settings import BaseSettings

from services.aggregate.settings import AggregateSettings
from services.enrich.settings import EnrichSettings
from services.ingest.settings import IngestSettings
from services.privacy.settings import PrivacySettings
from tests.support import privacy_page
from tests.support.repository import REPOSITORY

SETTINGS: tuple[type[BaseSettings], ...] = (
    IngestSettings, EnrichSettings, AggregateSettings, PrivacySettings
)  # fmt: skip
# How a setting is called that says how long something stays.
_HOW_LONG = re.compile(
    r"kept_(days|hours)$|window_seconds$|session_idle_seconds$|known_keys_seconds$"
)
_TABLES = """
    SELECT n.nspname || '.' || c.relname FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'public')
"""


def test_every_table_has_a_row(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = {name for (name,) in connection.execute(_TABLES)}
    found = privacy_page.rows("Postgres")
    assert set(found) == tables
    for name, cells in found.items():
        assert len(cells) == 3
        assert all(cells), f"{name}: what, how long and what removes it"


def test_every_table_with_a_column_of_people_says_that_it_has_some(database_url: str) -> None:
    """By the columns' names: what could hold a person must not be said to hold nothing."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT DISTINCT table_schema || '.' || table_name FROM information_schema.columns"
            " WHERE column_name IN ('subject', 'subject_id', 'person', 'member', 'anonymous_id')"
            " AND table_schema IN ('ingest', 'enrich', 'aggregate', 'privacy', 'jobs')"
        )
        named = {name for (name,) in found if not re.search(r"_(\d+[dy]|keep)(_|$)", name)}
    rows = privacy_page.rows("Postgres")
    assert len(named) >= 8
    assert [name for name in sorted(named) if rows[name][0].startswith("nothing")] == []


def test_every_key_of_redis_has_a_row() -> None:
    """What the sources call: `shard_key` with a text, or with the kinds that the one caller without has."""
    made = set()
    for folder in ("services", "libs"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            made |= set(_shard_keys(ast.parse(file.read_text())))
    assert ("ingest", "") in made
    made.remove(("ingest", ""))
    made |= {("ingest", "seen"), ("ingest", "idempotency")}
    named = set()
    for key in privacy_page.rows("Redis"):
        owner, _, kind, *_ = key.split(":")
        if key.startswith(("aggregate:{<app>}", "aggregate:live")):
            continue
        named.add(("" if owner == "<group>" else owner, kind))
    assert named == made


def test_every_setting_that_says_how_long_has_a_row() -> None:
    names = {
        f"{model.model_config['env_prefix'] if name in model.__annotations__ else 'WEIR_'}{name}".upper()
        for model in SETTINGS
        for name in model.model_fields
        if _HOW_LONG.search(name)
    }
    assert set(privacy_page.rows("How long: the settings")) == names


def test_every_job_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:ingest|enrich|aggregate|privacy)\.[a-z_]+)`", privacy_page.TEXT))
    jobs = named - set(privacy_page.rows("Postgres"))
    sources = "\n".join(
        file.read_text()
        for folder in ("services", "libs")
        for file in (REPOSITORY / folder).rglob("*.py")
    )
    assert len(jobs) >= 8
    assert [name for name in sorted(jobs) if f'"{name}"' not in sources] == []


def _shard_keys(tree: ast.AST) -> list[tuple[str, str]]:
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and _name(node.func) == "shard_key"):
            continue
        owner, _, kind = node.args[:3]
        found.append((_text(owner), _text(kind)))
    return found


def _name(node: Any) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def _text(node: Any) -> str:
    """The text of a constant; empty for what is worked out."""
    return str(node.value) if isinstance(node, ast.Constant) else ""
