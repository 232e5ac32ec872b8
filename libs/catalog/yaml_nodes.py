"""YAML text as a tree in which every value knows its line.

Only what JSON can say is understood: `yes`, `12:30` and `2026-01-01` are texts here, not a
boolean, a number of seconds and a date, as YAML 1.1 would have it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from libs.catalog.problems import ProblemList

# Deep enough for any schema; a file that refers to itself ends here instead of never.
MAX_DEPTH = 64
# Aliases can make a small file expand without end.
MAX_NODES = 200_000

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """One value. `line` is the line of its key, or of the value itself in a list."""

    line: int
    value: "Scalar | tuple[Node, ...] | Mapping[str, Node]"

    def plain(self) -> object:
        """The value as plain dicts, lists and scalars."""
        if isinstance(self.value, Mapping):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain() for child in self.value]
        return self.value

    def at(self, path: list[str | int]) -> "Node":
        """The node at `path`, or the deepest one on the way that exists."""
        here = self
        for step in path:
            if isinstance(here.value, Mapping) and isinstance(step, str) and step in here.value:
                here = here.value[step]
            elif isinstance(here.value, tuple) and isinstance(step, int):
                if step >= len(here.value):
                    break
                here = here.value[step]
            else:
                break
        return here


class _JsonLikeLoader(yaml.SafeLoader):
    """A SafeLoader that resolves plain scalars as JSON does."""


_JsonLikeLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", ["t", "f"]),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$",
        list("-0123456789"),
    ),
    ("tag:yaml.org,2002:merge", r"^<<$", ["<"]),
):
    _JsonLikeLoader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def parse_yaml(text: str, problems: ProblemList) -> Node | None:
    """The one document of `text`, or None with the problem noted.

    Duplicate keys are noted, the first one stays. `<<` merges mappings; what is written out wins.
    """
    try:
        root = yaml.compose(text, Loader=_JsonLikeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problems.add(line, f"not YAML: {error.problem or error.context}")
        return None
    except yaml.YAMLError as error:
        problems.add(1, f"not YAML: {str(error).splitlines()[0]}")
        return None
    if root is None:
        problems.add(1, "the file is empty")
        return None
    return _Converter(problems).convert(root, root.start_mark.line + 1, 0)


class _Converter:
    def __init__(self, problems: ProblemList) -> None:
        self._problems = problems
        self._count = 0

    def convert(self, node: yaml.Node, line: int, depth: int) -> Node:
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            self._problems.add(line, "nested too deeply, or far too many values")
            return Node(line, None)
        if isinstance(node, yaml.MappingNode):
            return Node(line, self._mapping(node, depth))
        if isinstance(node, yaml.SequenceNode):
            items = (self.convert(item, item.start_mark.line + 1, depth + 1) for item in node.value)
            return Node(line, tuple(items))
        return Node(line, self._scalar(node, line))

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.add(line, "a key must be text")
                continue
            key = str(key_node.value)
            value = self.convert(value_node, line, depth + 1)
            if key_node.tag == "tag:yaml.org,2002:merge":
                for name, child in self._merge(value, line):
                    merged.setdefault(name, child)
            elif key in own:
                self._problems.add(line, f"`{key}` is given twice, first on line {own[key].line}")
            else:
                own[key] = value
        return {**merged, **own}

    def _merge(self, value: Node, line: int) -> list[tuple[str, Node]]:
        parts = value.value if isinstance(value.value, tuple) else (value,)
        pairs: list[tuple[str, Node]] = []
        for part in parts:
            if isinstance(part.value, Mapping):
                pairs.extend(part.value.items())
            else:
                self._problems.add(line, "`<<` merges mappings only")
        return pairs

    def _scalar(self, node: yaml.Node, line: int) -> Scalar:
        text = str(node.value)
        match node.tag.rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return text == "true"
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "str":
                return text
        self._problems.add(line, f"the YAML tag `{node.tag}` is not supported")
        return None
