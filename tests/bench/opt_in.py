"""Grants and age bands from before the benchmark: too many to be recorded one by one."""

import time
from datetime import UTC, datetime

import psycopg
from redis import Redis

from libs.consent import READY_FIELD, consent_key
from services.privacy.consent.postgres import AGE_BAND, AGE_BAND_STATUS
from tests.bench.population import AGE_BANDS, GRANTED
from tests.bench.traffic import Traffic

_TIMEOUT_SECONDS = 60.0

DRAW_VERSIONS = "SELECT nextval('privacy.consent_version') FROM generate_series(1, %s)"


def load_grants(database_url: str, redis_url: str, traffic: Traffic) -> int:
    """Writes the grants of `GRANTED` and the bands of `AGE_BANDS` into Postgres and lets privacy fill its
    mirror again; returns how many there are. The suite has one shard. Raises TimeoutError."""
    rows: list[tuple[object, ...]] = [
        (app.product.app_id, person.subject_id, *choice, "granted", None)
        for app in traffic.apps.values()
        for person in app.people
        for choice in person.choices
        if choice in GRANTED
    ]
    rows += [
        (app_id, person.subject_id, AGE_BAND, False, AGE_BAND_STATUS, band)
        for app_id, band in AGE_BANDS.items()
        if app_id in traffic.apps
        for person in traffic.apps[app_id].people
    ]
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        # One for each, as recordings have.
        versions = cursor.execute(DRAW_VERSIONS, [len(rows)]).fetchall()
        now = datetime.now(UTC)
        statement = (
            "COPY privacy.consents (app_id, subject_id, purpose, granted, status, age_band, version,"
            " recorded_at) FROM STDIN"
        )
        with cursor.copy(statement) as copy:
            for row, (version,) in zip(rows, versions, strict=True):
                copy.write_row((*row, version, now))
    keys = {consent_key(str(row[0]), 0) for row in rows}
    with Redis.from_url(redis_url) as redis:
        redis.delete(*keys)
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not all(redis.hexists(key, READY_FIELD.decode()) for key in keys):
            if time.monotonic() > deadline:
                raise TimeoutError("privacy has not filled its mirror of consent in Redis")
            time.sleep(0.05)
    return len(rows)
