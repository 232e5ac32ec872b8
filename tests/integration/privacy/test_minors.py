"""Age bands and guardians, from RecordConsent to the answer."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from redis import Redis
from weir.privacy.v1 import privacy_service_pb2 as pb

from tests.integration.privacy.conftest import APP, PURPOSE, Privacy
from tests.support.rejections import reason_of

CATALOG = """\
app_id: gamelaunch
title: Games
purposes:
  telemetry: {default: granted, when_denied: anonymize}
minors:
  bands:
    under_13: {guardian: all}
    adult: {}
categories:
  play: {purpose: telemetry, producers: [server], retention: {raw: keep, aggregate: keep}}
events:
  game: {category: play}
"""


@pytest.fixture
def catalog_settings(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "gamelaunch.yaml").write_text(CATALOG)
    return {"catalogs": tmp_path}


async def record(privacy: Privacy, *granted: bool, role: str = "SUBJECT", band: str = "") -> None:
    await privacy.stub.RecordConsent(
        pb.RecordConsentRequest(
            app_id=APP,
            subject_id="kim",
            choices=[pb.ConsentChoice(purpose=PURPOSE, granted=each) for each in granted],
            actor="kim" if role == "SUBJECT" else "eve",
            actor_role=f"ACTOR_ROLE_{role}",
            method="form",
            notice_version="1",
            age_band=band,
        ),
        timeout=60,
    )


async def answers(privacy: Privacy) -> set[tuple[str, str]]:
    """Decision and reason, from Redis and from Postgres; one if they agree."""
    found = set()
    for without_redis in (False, True):
        if without_redis:
            with Redis.from_url(privacy.redis_url) as redis:
                redis.flushall()
        request = pb.CheckConsentRequest(app_id=APP, subject_id="kim", purpose=PURPOSE)
        response = await privacy.stub.CheckConsent(request, timeout=60)
        found.add(
            (
                pb.Decision.Name(response.decision).removeprefix("DECISION_"),
                pb.DecisionReason.Name(response.reason).removeprefix("DECISION_REASON_"),
            )
        )
    return found


async def test_a_guardians_grant_counts_for_a_child_and_their_own_does_not(
    privacy: Privacy,
) -> None:
    assert await answers(privacy) == {("ANONYMIZE", "GUARDIAN_MISSING")}
    await record(privacy, band="under_13")
    await record(privacy, True)
    assert await answers(privacy) == {("ANONYMIZE", "GUARDIAN_MISSING")}
    await record(privacy, True, role="GUARDIAN")
    assert await answers(privacy) == {("ALLOW", "ANSWER")}
    await record(privacy, False)
    assert await answers(privacy) == {("ANONYMIZE", "ANSWER")}
    await record(privacy, band="adult")
    await record(privacy, True)
    assert await answers(privacy) == {("ALLOW", "ANSWER")}
    history = await privacy.history("kim")
    assert [(one.purpose, one.age_band, one.actor, one.actor_role) for one in history] == [
        ("", "under_13", "kim", pb.ACTOR_ROLE_SUBJECT),
        (PURPOSE, "", "kim", pb.ACTOR_ROLE_SUBJECT),
        (PURPOSE, "", "eve", pb.ACTOR_ROLE_GUARDIAN),
        (PURPOSE, "", "kim", pb.ACTOR_ROLE_SUBJECT),
        ("", "adult", "kim", pb.ACTOR_ROLE_SUBJECT),
        (PURPOSE, "", "kim", pb.ACTOR_ROLE_SUBJECT),
    ]


async def test_a_band_is_one_of_the_catalogs(privacy: Privacy) -> None:
    for band, field in (("teen", "age_band"), ("", "choices")):
        with pytest.raises(grpc.RpcError) as caught:
            await record(privacy, band=band)
        assert reason_of(caught.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", field)
    assert await privacy.history("kim") == []
