"""Sealed values: what a catalog marks `x-pii: sealed` is stored encrypted under a key of its person.

`values` seals and opens the values of an event, `keyring` wraps the keys of people, `keys` says what a
service asks privacy for. Only privacy has the keyring (ADR 51)."""

from libs.sealing.keys import Opening, PersonKey, SubjectKeys
from libs.sealing.values import DataKey, Place, is_sealed

__all__ = ["DataKey", "Opening", "PersonKey", "Place", "SubjectKeys", "is_sealed"]
