"""The table of decisions, written out."""

import pytest
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.catalog import Purpose, WhenDenied
from libs.consent import Decision, decide, decide_all, parse_state

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


@pytest.mark.parametrize(
    "text", [b"", b"rubbish", b"12 telemetry", b"x +telemetry", b" +telemetry"]
)
def test_what_is_no_state_is_not_decided(text: bytes) -> None:
    with pytest.raises(ValueError):
        decide_all(OPEN, [text])


def test_the_numbers_are_the_protos() -> None:
    for decision in Decision:
        assert pb.Decision.Name(decision) == f"DECISION_{decision.name}"
