"""Since when the wrapping key is in use, and when it is due to be replaced."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from libs.common.clock import Clock, moment_of
from libs.runtime.loops import repeat
from libs.sealing.keyring import Keyring, KeyringError
from services.privacy import metrics

_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class KeyAge:
    """A wrapping key is in use since a moment, and is to be replaced at another."""

    used_since: datetime
    rotation_due: datetime


class KeyDates(Protocol):
    """See `postgres.PostgresKeyStore`."""

    async def used_since(self, wrapping_key_id: str, now: datetime) -> datetime:
        """When a wrapping key was first in use; from now on it is, if it never was."""
        ...


class KeyRotation:
    """Notes each wrapping key when it comes into use. Safe to run in several replicas."""

    def __init__(
        self,
        dates: KeyDates,
        keyring: Keyring,
        clock: Clock,
        period: timedelta,
        transient: tuple[type[Exception], ...],
    ) -> None:
        self._dates = dates
        self._keyring = keyring
        self._clock = clock
        self._period = period
        self._transient = (*transient, KeyringError)

    async def age(self) -> KeyAge:
        """Of the wrapping key in use now. Raises KeyringError, and what the store raises."""
        now = moment_of(self._clock.now_us())
        since = await self._dates.used_since(await self._keyring.current_id(), now)
        return KeyAge(since, since + self._period)

    async def run(self, stop: asyncio.Event) -> None:
        """Publishes when the rotation is due, until `stop` is set."""
        await repeat(
            self._publish,
            _SECONDS,
            stop,
            transient=self._transient,
            warning="the age of the wrapping key is not known",
        )

    async def _publish(self) -> None:
        metrics.ROTATION_DUE.set((await self.age()).rotation_due.timestamp())
