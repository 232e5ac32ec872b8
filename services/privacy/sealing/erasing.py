"""What an erasure does with a person's keys. Pure."""

from collections.abc import Mapping

from libs.catalog import Catalog


def why_keys_stay(catalog: Catalog | None, kept_names: Mapping[str, str]) -> str:
    """Why the keys of a person stay who is erased, empty if they go: sealed values of events that a law keeps
    have to remain readable. `kept_names` are the names of such events, with the reason."""
    sealed = catalog.sealed if catalog else {}
    return next((kept_names[name] for name in sorted(kept_names) if name in sealed), "")
