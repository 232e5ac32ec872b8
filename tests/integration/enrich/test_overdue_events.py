"""What enrich answers when it is asked what is past its limit."""

from datetime import timedelta
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncEngine
from weir.privacy.v1 import retention_target_service_pb2 as pb

from libs.catalog import Catalogs
from libs.jobs.journal_view import JournalView
from libs.jobs.requested import RequestedJobs
from libs.rpc.retention_target import Retention, RetentionTargetServicer
from services.enrich.retention.limits import NO_ARCHIVE
from services.enrich.retention.overdue import OverdueEvents
from tests.integration.enrich.conftest import Enrich
from tests.integration.enrich.test_anonymized_events import named
from tests.support.anonymizing import CHESS, FIRST_NAMED, NOW, anonymization
from tests.support.clocks import FixedClock
from tests.support.enrich_batches import entry_of
from tests.support.expiring_events import catalogs, removal, store


async def test_each_store_class_limit_and_reason(
    enrich: Enrich, engine: AsyncEngine, database_url: str
) -> None:
    old = NOW.replace(hour=0, minute=0) - timedelta(days=91)
    await enrich.process(entry_of(named(FIRST_NAMED - timedelta(hours=1))))
    for app, events in (("go", 1), ("shogi", 2)):
        store(database_url, {str(n): old + timedelta(hours=n) for n in range(events)}, app=app)
    known = [
        *CHESS.current.catalogs.values(),
        *catalogs("go", more="archive: true").current.catalogs.values(),
        *catalogs("shogi").current.catalogs.values(),
    ]
    clock = FixedClock(NOW)
    job = removal(engine, Catalogs.of(*known), clock)
    overdue = OverdueEvents(anonymization(engine, clock), job)
    servicer = RetentionTargetServicer(
        Retention(overdue.list_overdue, list, RequestedJobs((), JournalView(engine, clock)))
    )

    async def ask(app_id: str = "") -> list[tuple[object, ...]]:
        request = pb.ListOverdueRequest(app_id=app_id)
        answer = await servicer.ListOverdue(request, cast(Any, None))
        assert {each.store for each in answer.overdue} <= {"enrich.events"}
        return [
            (each.app_id, each.kind, each.action, each.limit_days, each.rows, each.kept_because)
            for each in answer.overdue
        ]

    chess = ("chess", "game.ended", pb.RETENTION_ACTION_ANONYMIZE, 30, 1, "")
    go = ("go", "90d", pb.RETENTION_ACTION_REMOVE, 90, 1, NO_ARCHIVE)
    shogi = ("shogi", "90d", pb.RETENTION_ACTION_REMOVE, 90, 2, "")
    assert await ask() == [chess, go, shogi]
    assert await ask("shogi") == [shogi]
    # It has changed nothing; the jobs do.
    assert await ask() == [chess, go, shogi]
    await anonymization(engine, clock).anonymize()
    await job.remove()
    assert await ask() == [go]
