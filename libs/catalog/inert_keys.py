"""The keys of a catalog on which nothing acts yet: they are checked and kept for a later release."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from libs.catalog.problems import Problem, ProblemList
from libs.catalog.yaml_nodes import Node, parse_yaml

INERT_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "consumers": "Catalog.opaque_sections",
        "dashboards": "Catalog.opaque_sections",
        "alerts": "Catalog.opaque_sections",
        "access": "Catalog.opaque_sections",
    }
)
"""By path, `*` for any name: the field of the model that holds it. A test compares them with what is read."""


def inert_key_notes(text: str, file: str) -> list[Problem]:
    """A note for each inert key that a catalog which compiles uses, at its first line."""
    root = parse_yaml(text, ProblemList(file))
    notes = []
    for path in INERT_KEYS:
        lines = list(_lines(root, path.split("."))) if root is not None else []
        if lines:
            more = f" ({len(lines)} places)" if len(lines) > 1 else ""
            key = path.rpartition("*.")[2]
            notes.append(Problem(file, min(lines), f"`{key}`: nothing acts on this yet{more}"))
    return sorted(notes)


def _lines(node: Node, path: list[str]) -> Iterator[int]:
    """The lines of the values at `path`."""
    if not path:
        yield node.line
    elif isinstance(node.value, Mapping):
        for key, child in node.value.items():
            if path[0] in ("*", key):
                yield from _lines(child, path[1:])
