"""What an enrichment step is: one file in this folder that declares its name and the fields that it
adds. `registry.py` lists the steps, `libs/catalog/enrichment.py` the fields."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.enrich.model import WorkBatch


@dataclass(frozen=True, slots=True)
class ContextStep:
    """A step without look-ups, whose result follows from the event's context alone: it runs once for each
    distinct context.

    `find` is called with the values of `inputs`, which are text fields of `weir.common.v1.Context` (empty if
    the event lacks them), and returns one text for each of `outputs`, empty if nothing is known. An error
    that it raises makes dead letters of the events.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    find: Callable[..., tuple[str, ...]]


class BatchStep(Protocol):
    """A step that looks something up: it runs once for all batches of a chunk whose apps have it switched on,
    after the context steps."""

    @property
    def name(self) -> str: ...

    @property
    def outputs(self) -> tuple[str, ...]: ...

    async def run(self, batches: Sequence[WorkBatch]) -> None:
        """Sets `batch.found[output]` for each batch and output: one value for each event, None if nothing is
        known. Raises what its store raises; it may be repeated."""
