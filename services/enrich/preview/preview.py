"""Works out what each enrichment step finds for one event, as the pipeline would, and stores nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from libs.catalog import ENRICHED_SOURCES, Catalogs
from libs.common.apps import catalog_of
from libs.common.errors import InvalidArgument
from libs.common.sharding import event_shard_key, shard_of
from services.enrich.model import Event, Session, WorkBatch
from services.enrich.ports import SessionStore
from services.enrich.steps.country import Lookup
from services.enrich.steps.enricher import Enricher
from services.enrich.steps.registry import all_steps


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What a step finds, by field; a value is empty or None if nothing is known."""

    name: str
    enabled: bool
    values: Mapping[str, object]


class Preview:
    """Runs the steps over single events, those of the context with the pipeline's `enricher`."""

    def __init__(
        self,
        catalogs: Catalogs,
        enricher: Enricher,
        country: Lookup,
        sessions: SessionStore,
        shards: int,
    ) -> None:
        self._catalogs = catalogs
        self._steps = all_steps(country, _ReadOnlySessions(sessions))
        self._enricher = enricher
        self._shards = shards

    async def outputs(self, app_id: str, event: Event) -> Sequence[StepOutput]:
        """What each step finds, in the order in which they run.

        Raises AppUnknown, InvalidArgument for an event at which a step fails, and what Redis raises if the
        event has a session.
        """
        steps = catalog_of(self._catalogs.current, app_id).enrichment
        # The shard in which ingest would put the event, and so the one that knows its session.
        key = event_shard_key(event, event.event_id)
        shard = shard_of(app_id, key, self._shards)
        batch = WorkBatch(b"", app_id, shard, 0, [event], b"", 0, "", steps=steps)
        self._enricher.enrich(batch)
        [enriched] = batch.enriched
        if enriched is None:
            raise InvalidArgument(f"it cannot be enriched: {batch.failed[0].reason}", field="event")
        for step in self._steps.batch:
            if step.name in steps:
                await step.run([batch])
        values: dict[str, object] = dict(
            zip(ENRICHED_SOURCES, enriched.context.enrichment.values, strict=True)
        )
        values.update({name: column[0] for name, column in batch.found.items()})
        return [
            StepOutput(
                step.name, step.name in steps, {name: values.get(name) for name in step.outputs}
            )
            for step in self._steps.all
        ]


class _ReadOnlySessions:
    """Implements `ports.SessionStore`: knows what another store knows, and saves nothing."""

    def __init__(self, sessions: SessionStore) -> None:
        self._sessions = sessions

    async def note(
        self, app_id: str, shard: int, sessions: Mapping[str, Session], *, remember: bool = False
    ) -> Mapping[str, Session]:
        return await self._sessions.note(app_id, shard, sessions, remember=False)
