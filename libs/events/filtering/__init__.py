"""Filters of events, as AIP-160 writes them: text to a tree, the tree to a condition in SQL."""

from libs.events.filtering.compile import Condition, compile_filter
from libs.events.filtering.grammar import parse_filter
from libs.events.filtering.syntax import FilterError, Node

__all__ = ["Condition", "FilterError", "Node", "compile_filter", "parse_filter"]
