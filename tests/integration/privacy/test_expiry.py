"""Grants that end: nothing runs when they do, and both stores say the same."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from redis import Redis
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.catalog import compile_catalog
from libs.consent import ConsentReader, Decision, decisions_for
from tests.integration.privacy.conftest import APP, PURPOSE, Privacy
from tests.support.clocks import FixedClock
from tests.support.rejections import reason_of

CATALOG = """\
app_id: gamelaunch
title: Games
purposes:
  telemetry: {default: denied, when_denied: anonymize, expires: 13mo}
  ranking: {default: granted, when_denied: anonymize, ground: legitimate_interest}
categories:
  play: {purpose: telemetry, producers: [server], retention: {raw: keep, aggregate: keep}}
events:
  game: {category: play}
"""
TELEMETRY = compile_catalog(CATALOG, "gamelaunch.yaml").purposes[PURPOSE]
PERIOD = timedelta(days=390)


@pytest.fixture
def catalog_settings(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "gamelaunch.yaml").write_text(CATALOG)
    return {"catalogs": tmp_path}


async def answer(privacy: Privacy, *, without_redis: bool = False) -> tuple[str, str, str, int]:
    """Decision, status and reason about Ann, and the version that decided; from Postgres with
    `without_redis`."""
    if without_redis:
        with Redis.from_url(privacy.redis_url) as redis:
            redis.flushall()
    request = pb.CheckConsentRequest(app_id=APP, subject_id="ann", purpose=PURPOSE)
    response = await privacy.stub.CheckConsent(request, timeout=20)
    return (
        pb.Decision.Name(response.decision).removeprefix("DECISION_"),
        pb.ConsentStatus.Name(response.status).removeprefix("CONSENT_STATUS_"),
        pb.DecisionReason.Name(response.reason).removeprefix("DECISION_REASON_"),
        response.consent_version,
    )


def at(clock: FixedClock, **later: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime((clock.now + timedelta(**later)).replace(tzinfo=None))
    return moment


async def record(privacy: Privacy, granted: bool, **fields: Any) -> None:
    await privacy.stub.RecordConsent(
        pb.RecordConsentRequest(
            app_id=APP,
            subject_id="ann",
            choices=[pb.ConsentChoice(purpose=fields.pop("purpose", PURPOSE), granted=granted)],
            actor="ann",
            method="settings_page",
            notice_version="7",
            **fields,
        ),
        timeout=20,
    )


async def test_a_grant_ends_after_the_catalogs_period_and_is_renewed_by_another(
    privacy: Privacy, clock: FixedClock
) -> None:
    assert await answer(privacy) == ("ANONYMIZE", "UNKNOWN", "DEFAULT", 0)
    await record(privacy, True)
    [first] = await privacy.history("ann")
    clock.now += PERIOD - timedelta(microseconds=1)
    assert await answer(privacy) == ("ALLOW", "GRANTED", "ANSWER", first.version)
    clock.now += timedelta(microseconds=1)
    assert await answer(privacy) == ("ANONYMIZE", "EXPIRED", "EXPIRED", first.version)
    await record(privacy, True)
    first, second = await privacy.history("ann")
    assert await answer(privacy) == ("ALLOW", "GRANTED", "ANSWER", second.version)
    assert [one.status for one in (first, second)] == [
        pb.CONSENT_STATUS_EXPIRED,
        pb.CONSENT_STATUS_GRANTED,
    ]
    assert second.expires_at == at(clock, days=390)


async def test_postgres_ends_it_at_the_same_microsecond(
    privacy: Privacy, clock: FixedClock
) -> None:
    await record(privacy, True)
    clock.now += PERIOD - timedelta(microseconds=1)
    assert (await answer(privacy, without_redis=True))[:2] == ("ALLOW", "GRANTED")
    clock.now += timedelta(microseconds=1)
    assert (await answer(privacy, without_redis=True))[:2] == ("ANONYMIZE", "EXPIRED")


async def test_what_ingest_reads_says_when_it_ends(
    privacy: Privacy, clock: FixedClock, redis_url: str
) -> None:
    await record(privacy, True, expires_at=at(clock, hours=1))
    end_us = clock.now_us() + 3_600_000_000
    reader = ConsentReader(redis_url, 1)
    await reader.start()
    [text] = await reader.read(APP, ["ann"])
    await reader.aclose()
    decisions = decisions_for(TELEMETRY)
    found = [decisions.of(text, moment) for moment in (end_us - 1, end_us)]
    assert found == [Decision.ALLOW, Decision.ANONYMIZE]


async def test_a_recording_can_shorten_the_period_and_not_lengthen_it(
    privacy: Privacy, clock: FixedClock
) -> None:
    await record(privacy, True, expires_at=at(clock, days=1_000))
    clock.now += timedelta(days=100)
    await record(privacy, True, expires_at=at(clock, days=1))
    long, short = await privacy.history("ann")
    assert long.expires_at.seconds - long.recorded_at.seconds == 390 * 86_400
    assert short.expires_at.seconds - short.recorded_at.seconds == 86_400
    clock.now += timedelta(days=1)
    assert (await answer(privacy))[1] == "EXPIRED"
    # The first one was replaced before it could end.
    entries = await privacy.history("ann")
    assert [one.status for one in entries] == [
        pb.CONSENT_STATUS_GRANTED,
        pb.CONSENT_STATUS_EXPIRED,
    ]


async def test_an_end_is_in_the_future_and_of_a_grant(privacy: Privacy, clock: FixedClock) -> None:
    for granted, moment in ((True, at(clock)), (False, at(clock, days=1))):
        with pytest.raises(grpc.RpcError) as caught:
            await record(privacy, granted, expires_at=moment)
        assert reason_of(caught.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "expires_at")
    assert await privacy.history("ann") == []


async def test_a_denial_for_a_legitimate_interest_is_an_objection(privacy: Privacy) -> None:
    await record(privacy, False, purpose="ranking")
    [entry] = await privacy.history("ann")
    assert (entry.status, entry.granted) == (pb.CONSENT_STATUS_OBJECTED, False)
    request = pb.CheckConsentRequest(app_id=APP, subject_id="ann", purpose="ranking")
    response = await privacy.stub.CheckConsent(request, timeout=20)
    assert response.decision == pb.DECISION_ANONYMIZE
    assert response.status == pb.CONSENT_STATUS_OBJECTED


async def test_who_how_and_from_where_are_in_the_history(privacy: Privacy) -> None:
    await record(privacy, True, source="web", actor_role=pb.ACTOR_ROLE_SUBJECT)
    await record(privacy, False)
    first, second = await privacy.history("ann")
    assert (first.actor, first.actor_role, first.method, first.source, first.notice_version) == (
        *("ann", pb.ACTOR_ROLE_SUBJECT, "settings_page", "web", "7"),
    )
    assert (second.source, second.actor_role) == ("api", pb.ACTOR_ROLE_UNSPECIFIED)
    with pytest.raises(grpc.RpcError) as caught:
        await record(privacy, True, actor_role=99)
    assert reason_of(caught.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "actor_role")
