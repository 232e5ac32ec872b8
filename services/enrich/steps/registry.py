"""The enrichment steps, in the order in which they run (ADR 20). A new step gets its line here, and its
fields get theirs in `libs/catalog/enrichment.py`."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.catalog import ENRICHED_FIELDS
from services.enrich.ports import SessionStore
from services.enrich.steps.contract import BatchStep, ContextStep
from services.enrich.steps.country import Lookup, country_step
from services.enrich.steps.session import SessionStep
from services.enrich.steps.user_agent import USER_AGENT_STEP


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps. Raises ValueError if they and the table of fields do not agree."""

    context: Sequence[ContextStep]
    batch: Sequence[BatchStep]

    def __post_init__(self) -> None:
        declared = [(name, step.name) for step in self.all for name in step.outputs]
        fields = [(field.name, field.step) for field in ENRICHED_FIELDS]
        if sorted(declared) != sorted(fields):
            differing = ", ".join(sorted(name for name, _ in {*declared} ^ {*fields}))
            raise ValueError(f"steps and table of fields differ, or declare twice: {differing}")
        if late := [
            f.name for f in ENRICHED_FIELDS if f.is_source and f.step not in self._of_context
        ]:
            raise ValueError(f"no step of the context finds the sources {', '.join(late)}")

    @property
    def all(self) -> Sequence[ContextStep | BatchStep]:
        return [*self.context, *self.batch]

    @property
    def _of_context(self) -> set[str]:
        return {step.name for step in self.context}


def all_steps(country: Lookup, sessions: SessionStore) -> Steps:
    """The steps, with what they look things up in."""
    return Steps((country_step(country), USER_AGENT_STEP), (SessionStep(sessions),))
