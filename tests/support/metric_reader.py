"""Metrics of a catalog over stored cells, read without a service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from libs.catalog import Catalog
from libs.stores.postgres import create_engine
from services.aggregate.named_metrics.model import MetricQuery, MetricValue
from services.aggregate.named_metrics.postgres import RollupMetrics
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.plan import compile_plan
from services.aggregate.postgres import one_state


class MetricReader:
    """Reads values of one app in one state of the tables, as of the end of what is asked for."""

    def __init__(self, catalog: Catalog, role_url: str) -> None:
        self._catalog = catalog
        self._role_url = role_url

    async def values(self, name: str, start: str, end: str) -> list[MetricValue]:
        """All values of the periods that begin between two times."""
        metric = self._catalog.metrics[name]
        first, last = (datetime.fromisoformat(time).replace(tzinfo=UTC) for time in (start, end))
        spans = periods_in(metric.period, first, last, 1_000)
        async with self._metrics(last) as metrics:
            page = await metrics.page(MetricQuery(compile_plan(self._catalog), metric, spans))
        assert page.following is None
        return list(page.values)

    @asynccontextmanager
    async def _metrics(self, now: datetime) -> AsyncIterator[RollupMetrics]:
        engine = create_engine(self._role_url, service="aggregate")
        try:
            async with one_state(engine) as connection:
                yield RollupMetrics(connection, now)
        finally:
            await engine.dispose()
