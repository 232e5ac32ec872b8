"""Requests for segments that are refused, and rules as the terminal takes them."""

from typing import Any

import pytest
import typer
from weir.aggregate.v1 import behaviour_pb2 as pb

from cli.commands.query_segments import rule_of
from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.segments.convert import segment_query
from tests.support.arena_catalog import APP, compile_arena
from tests.support.clocks import FixedClock

UNKNOWN: Any = 7
LEFT = pb.SegmentRule(event=pb.Step(name="match.left"))


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"rules": []}, "rules", "1 to 10"),
        ({"rules": [LEFT] * 11}, "rules", "1 to 10"),
        ({"rules": [LEFT, pb.SegmentRule()]}, "rules[1].event.name", "required"),
        (
            {"rules": [pb.SegmentRule(event=LEFT.event, comparison=UNKNOWN)]},
            "rules[0].comparison",
            "AT_LEAST",
        ),
        (
            {"rules": [pb.SegmentRule(event=pb.Step(name="match.left", filter="person:*"))]},
            "rules[0].event.filter",
            "identifies a person",
        ),
        ({"breakdown": "session_id"}, "breakdown", "identifies a person"),
        ({"max_groups": 101}, "max_groups", "at most 100"),
    ],
)
def test_what_cannot_be_asked(change: dict[str, Any], field: str, words: str) -> None:
    request = pb.QuerySegmentsRequest(**{"app_id": APP, "rules": [LEFT], **change})
    with pytest.raises(InvalidArgument) as refused:
        segment_query(request, compile_arena(), FixedClock.of_us())
    assert refused.value.field == field
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("text", "name", "condition", "comparison", "times"),
    [
        ("view", "view", "", pb.COMPARISON_UNSPECIFIED, 1),
        ("view >= 2", "view", "", pb.COMPARISON_AT_LEAST, 2),
        ("view>2", "view", "", pb.COMPARISON_AT_LEAST, 3),
        ("view < 1", "view", "", pb.COMPARISON_AT_MOST, 0),
        ("post_* <= 1", "post_*", "", pb.COMPARISON_AT_MOST, 1),
        ("a.b = 0", "a.b", "", pb.COMPARISON_EXACTLY, 0),
        (
            "buy[properties.n >= 5] >= 2",
            "buy",
            "properties.n >= 5",
            pb.COMPARISON_AT_LEAST,
            2,
        ),
        ("buy[properties.n = 5]", "buy", "properties.n = 5", pb.COMPARISON_UNSPECIFIED, 1),
    ],
)
def test_rules_of_the_terminal(
    text: str, name: str, condition: str, comparison: Any, times: int
) -> None:
    rule = rule_of(text)
    assert (rule.event.name, rule.event.filter) == (name, condition)
    assert (rule.comparison, rule.times) == (comparison, times)


@pytest.mark.parametrize("text", ["view < 0", "[x = 1] > 2", "view[x =] > 1"])
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(typer.Exit) as ended:
        rule_of(text)
    assert ended.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["view => 2", "view >= x", "view != 1", "buy[country = DE] =< 3", "> 2"]
)
def test_a_comparison_is_no_part_of_the_name(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        rule_of(text)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        f"--rule {text}: must be EVENT[FILTER], or that and >=, >, =, < or <= and a number\n"
    )
