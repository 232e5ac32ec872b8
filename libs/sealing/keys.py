"""What services ask privacy for: the keys of people, to seal with and to open with."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from libs.common.sharding import shard_key
from libs.sealing.values import DataKey

# In Redis, a hash: by app, something else after keys of its people were retired. Who remembers keys looks
# there first: what a person does later is not sealed with a key that ends with what came before.
RETIRED_KEYS = shard_key("privacy", 0, "retired_keys")


class KeysUnavailable(Exception):
    """Privacy does not answer, or cannot give keys now: what needs them waits."""


@dataclass(frozen=True, slots=True)
class PersonKey:
    """The key that a person's values are sealed with now; None if it was retired or destroyed, and nothing
    has occurred since that may be sealed. What occurred until `destroyed_at_us` (microseconds since the
    epoch) is never sealed again; None if that never happened to a key of the person."""

    key: DataKey | None
    destroyed_at_us: int | None = None

    def for_event(self, occurred_at_us: int) -> DataKey | None:
        """The key for an event of that time; None if its values can no longer be kept."""
        if self.destroyed_at_us is not None and occurred_at_us <= self.destroyed_at_us:
            return None
        return self.key


@dataclass(frozen=True, slots=True)
class Opening:
    """Why values are opened, and for whom: a purpose of the app's catalog, and the name of the credential
    of the call that they are answered to."""

    purpose: str
    actor: str


class SubjectKeys(Protocol):
    """The keys of an app's people; see `libs.rpc.subject_keys`."""

    async def for_sealing(
        self, app_id: str, people: Mapping[bytes, int]
    ) -> Mapping[bytes, PersonKey]:
        """The key of each person, made if there is none: by pseudonym, 16 bytes, with the time of the latest
        event that is to be sealed. Raises KeysUnavailable."""
        ...

    async def for_opening(
        self, app_id: str, key_ids: Collection[bytes], opening: Opening
    ) -> Mapping[bytes, DataKey]:
        """The keys with these ids, without those that are destroyed or of another app. On return the
        opening is on record. Raises KeysUnavailable."""
        ...
