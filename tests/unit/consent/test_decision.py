"""The table of decisions, written out."""

import pytest
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.catalog import Purpose, WhenDenied
from libs.consent import Decision, Reason, Ruling, Status, decide, decisions_for, parse_state
from libs.consent.decision import MAX_CHOICES
from libs.consent.state import parse_words
from tests.support.clocks import NOW_US

OPEN = Purpose("telemetry", default_granted=True, when_denied=WhenDenied.ANONYMIZE)
SHUT = Purpose("whatsapp", default_granted=False, when_denied=WhenDenied.DROP)
DAY_US = 86_400_000_000
YEARLY = Purpose("mail", False, WhenDenied.DROP, expires_seconds=365 * 86_400)


def of(purpose: Purpose, *texts: bytes | None) -> list[Decision]:
    return [decisions_for(purpose).of(text, NOW_US) for text in texts]


@pytest.mark.parametrize(
    ("purpose", "text", "expected"),
    [
        (OPEN, None, Decision.ALLOW),
        (OPEN, b"3", Decision.ALLOW),
        (OPEN, b"3 -whatsapp", Decision.ALLOW),
        (OPEN, b"3 +telemetry", Decision.ALLOW),
        (OPEN, b"3 -telemetry", Decision.ANONYMIZE),
        (OPEN, b"3;:1,:1 * +telemetry", Decision.DROP),
        (OPEN, b"3;:1 *", Decision.DROP),
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
    state = parse_state(text) if text else None
    assert decide(purpose, state, NOW_US).decision is expected
    assert of(purpose, text, text) == [expected, expected]


@pytest.mark.parametrize(
    ("text", "ruling"),
    [
        (None, Ruling(Decision.DROP, Status.UNKNOWN, Reason.DEFAULT, 0)),
        (b"9;:5 +other", Ruling(Decision.DROP, Status.UNKNOWN, Reason.DEFAULT, 0)),
        (b"9;:5 +whatsapp", Ruling(Decision.ALLOW, Status.GRANTED, Reason.ANSWER, 9)),
        (b"9;:5,7:5 -other -whatsapp", Ruling(Decision.DROP, Status.DENIED, Reason.ANSWER, 7)),
        (b"9;:5,7:5 -other ~whatsapp", Ruling(Decision.DROP, Status.WITHDRAWN, Reason.ANSWER, 7)),
        (b"9;3:5,7:5 * +whatsapp", Ruling(Decision.DROP, Status.GRANTED, Reason.RESTRICTED, 7)),
        (b"9;3:5,:5 * -other", Ruling(Decision.DROP, Status.UNKNOWN, Reason.RESTRICTED, 9)),
        # A grant that has ended is no reason of its own then.
        (
            b"9;3:5:6,:7 * t+whatsapp",
            Ruling(Decision.DROP, Status.GRANTED, Reason.RESTRICTED, 9),
        ),
        (b"9;3:5 !whatsapp", Ruling(Decision.DROP, Status.OBJECTED, Reason.ANSWER, 3)),
        (
            b"9;3:5:%d t+whatsapp" % (NOW_US + 1),
            Ruling(Decision.ALLOW, Status.GRANTED, Reason.ANSWER, 3),
        ),
        (
            b"9;3:5:%d t+whatsapp" % NOW_US,
            Ruling(Decision.DROP, Status.EXPIRED, Reason.EXPIRED, 3),
        ),
    ],
)
def test_an_answer_says_what_it_was_made_from(text: bytes | None, ruling: Ruling) -> None:
    assert decisions_for(SHUT).ruling(text, NOW_US) == ruling
    assert of(SHUT, text) == [ruling.decision]
    state = parse_state(text) if text else None
    assert decide(SHUT, state, NOW_US) == ruling


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        # Denied by default only.
        (None, False),
        (b"9;:5 +other", False),
        (b"9;:5 +whatsapp", False),
        (b"9;3:5:%d t+whatsapp" % NOW_US, True),
        (b"9;:5 -whatsapp", True),
        (b"9;:5 ~whatsapp", True),
        (b"9;:5 !whatsapp", True),
        (b"9;3:5,7:5 * +whatsapp", True),
        (b"9;3:5,:5 * -other", True),
    ],
)
def test_a_person_refuses_by_an_answer_of_their_own(text: bytes | None, refuses: bool) -> None:
    assert decisions_for(SHUT).refuses(text, NOW_US) is refuses


@pytest.mark.parametrize(
    ("days_ago", "own_end", "granted"),
    [
        (364, None, True),
        (365, None, False),
        (400, None, False),
        (364, 1, True),
        (364, 0, False),
        # Its own end can only shorten the catalog's period.
        (365, 1, False),
    ],
)
def test_a_grant_ends_by_the_catalog_or_its_own_end_whichever_is_earlier(
    days_ago: int, own_end: int | None, granted: bool
) -> None:
    recorded_us = NOW_US - days_ago * DAY_US
    text = b"4;:%d +mail" % recorded_us
    if own_end is not None:
        text = b"4;:%d:%d t+mail" % (recorded_us, NOW_US + own_end)
    assert of(YEARLY, text) == [Decision.ALLOW if granted else Decision.DROP]
    ruling = decisions_for(YEARLY).ruling(text, NOW_US)
    assert ruling.status is (Status.GRANTED if granted else Status.EXPIRED)


def test_people_of_the_same_choices_end_each_at_their_own_time() -> None:
    texts = [b"4;:%d +mail" % (NOW_US - days * DAY_US) for days in (1, 366, 2, 367)]
    allow, drop = Decision.ALLOW, Decision.DROP
    assert of(YEARLY, *texts) == [allow, drop, allow, drop]


def test_a_grant_of_which_it_is_not_known_when_it_ends_is_not_decided() -> None:
    with pytest.raises(ValueError):
        of(YEARLY, b"4 +mail")
    # A denial has no end.
    assert of(YEARLY, b"4 -mail") == [Decision.DROP]


def test_many_are_answered_in_the_order_asked() -> None:
    texts = [b"9 -telemetry", None, b"10 +telemetry", b"11 -telemetry"]
    assert of(OPEN, *texts) == [
        Decision.ANONYMIZE,
        Decision.ALLOW,
        Decision.ALLOW,
        Decision.ANONYMIZE,
    ]


def test_people_of_the_same_choices_are_parsed_once_for_all_batches() -> None:
    def parsed() -> int:
        return sum(parse_words.cache_info()[:2])

    purpose = Purpose("parsed_once", default_granted=False, when_denied=WhenDenied.DROP)
    before = parsed()
    for batch in range(10):
        texts = [b"%d +parsed_once -telemetry" % (100 * batch + person) for person in range(100)]
        assert of(purpose, *texts) == [Decision.ALLOW] * 100
    assert parsed() - before == 1


def test_more_different_choices_than_are_remembered_are_answered_as_well() -> None:
    answers = [b"+", b"-"]
    for number in range(3 * MAX_CHOICES):
        text = b"7 -other%d %swhatsapp" % (number, answers[number % 2])
        expected = Decision.ALLOW if number % 2 == 0 else Decision.DROP
        assert decisions_for(SHUT).of(text, NOW_US) is expected


@pytest.mark.parametrize(
    "text", [b"", b"rubbish", b"12 telemetry", b"x +telemetry", b" +telemetry"]
)
def test_what_is_no_state_is_not_decided(text: bytes) -> None:
    # Remembered: the version is looked at even if the choices are known.
    assert of(OPEN, b"1 +telemetry") == [Decision.ALLOW]
    with pytest.raises(ValueError):
        of(OPEN, text)


def test_the_numbers_are_the_protos() -> None:
    for decision in Decision:
        assert pb.Decision.Name(decision) == f"DECISION_{decision.name}"
    for status in Status:
        assert pb.ConsentStatus.Name(status) == f"CONSENT_STATUS_{status.name}"
    for reason in Reason:
        assert pb.DecisionReason.Name(reason) == f"DECISION_REASON_{reason.name}"
