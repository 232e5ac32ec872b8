"""The table of decisions, written out."""

import pytest
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.catalog import Purpose, WhenDenied
from libs.consent import Decision, decide, decide_all, decisions_for, parse_state
from libs.consent.decision import MAX_CHOICES
from libs.consent.state import parse_choices

OPEN = Purpose("telemetry", default_granted=True, when_denied=WhenDenied.ANONYMIZE)
SHUT = Purpose("whatsapp", default_granted=False, when_denied=WhenDenied.DROP)


@pytest.mark.parametrize(
    ("purpose", "text", "expected"),
    [
        (OPEN, None, Decision.ALLOW),
        (OPEN, b"3", Decision.ALLOW),
        (OPEN, b"3 -whatsapp", Decision.ALLOW),
        (OPEN, b"3 +telemetry", Decision.ALLOW),
        (OPEN, b"3 -telemetry", Decision.ANONYMIZE),
        (SHUT, None, Decision.DROP),
        (SHUT, b"3 +telemetry", Decision.DROP),
        (SHUT, b"3 -whatsapp", Decision.DROP),
        (SHUT, b"3 -telemetry +whatsapp", Decision.ALLOW),
        # A name that begins like the purpose is another purpose.
        (SHUT, b"3 +whatsapp_activity", Decision.DROP),
    ],
)
def test_the_persons_answer_counts_and_else_the_default(
    purpose: Purpose, text: bytes | None, expected: Decision
) -> None:
    assert decide(purpose, parse_state(text) if text else None) is expected
    assert decide_all(purpose, [text]) == [expected]


def test_many_are_answered_in_the_order_asked() -> None:
    texts = [b"9 -telemetry", None, b"10 +telemetry", b"11 -telemetry"]
    assert decide_all(OPEN, texts) == [
        Decision.ANONYMIZE,
        Decision.ALLOW,
        Decision.ALLOW,
        Decision.ANONYMIZE,
    ]


def test_people_of_the_same_choices_are_parsed_once_for_all_batches() -> None:
    def parsed() -> int:
        return sum(parse_choices.cache_info()[:2])

    purpose = Purpose("parsed_once", default_granted=False, when_denied=WhenDenied.DROP)
    before = parsed()
    for batch in range(10):
        texts = [b"%d +parsed_once -telemetry" % (100 * batch + person) for person in range(100)]
        assert decide_all(purpose, texts) == [Decision.ALLOW] * 100
    assert parsed() - before == 1


def test_more_different_choices_than_are_remembered_are_answered_as_well() -> None:
    answers = [b"+", b"-"]
    for number in range(3 * MAX_CHOICES):
        text = b"7 -other%d %swhatsapp" % (number, answers[number % 2])
        expected = Decision.ALLOW if number % 2 == 0 else Decision.DROP
        assert decisions_for(SHUT).of(text) is expected


@pytest.mark.parametrize(
    "text", [b"", b"rubbish", b"12 telemetry", b"x +telemetry", b" +telemetry"]
)
def test_what_is_no_state_is_not_decided(text: bytes) -> None:
    # Remembered: the version is looked at even if the choices are known.
    assert decide_all(OPEN, [b"1 +telemetry"]) == [Decision.ALLOW]
    with pytest.raises(ValueError):
        decide_all(OPEN, [text])


def test_the_numbers_are_the_protos() -> None:
    for decision in Decision:
        assert pb.Decision.Name(decision) == f"DECISION_{decision.name}"
