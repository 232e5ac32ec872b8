"""Steps that wait until a service has handled everything that was on its way to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from libs.common.subject_data import SubjectData
from services.privacy.requests.model import Step, StepState

_AWAIT = "await"


class StreamClock(Protocol):
    """The clock of the streams."""

    async def now(self) -> datetime:
        """What is appended after the return has a later time."""
        ...


def await_step(service: str) -> Step:
    """The step that waits for a service."""
    return Step(f"{_AWAIT} {service}", service)


def is_await_step(step: Step) -> bool:
    """Whether `await_step` made this one."""
    return step.name.startswith(_AWAIT)


async def awaited(
    step: Step, services: Mapping[str, SubjectData], streams: StreamClock
) -> Step | None:
    """What is to be written down of such a step before it goes on; None if the service has not come so far.
    Raises what the stores and the service raise while they are away."""
    if "appended_before" not in step.note:
        # Noted, so that it is the same moment however often it is asked for.
        note = {"appended_before": (await streams.now()).isoformat()}
        return replace(step, state=StepState.RUNNING, note=note)
    moment = datetime.fromisoformat(step.note["appended_before"])
    if not await services[step.service].settled(moment):
        return None
    return replace(step, state=StepState.DONE)
