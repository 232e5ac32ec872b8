"""What age bands ask for, written out."""

import pytest

from libs.catalog import compile_catalog
from libs.consent import Decision, Reason, Status, decisions_for
from tests.support.clocks import NOW_US

PURPOSES = compile_catalog(
    """\
app_id: school
title: School
purposes:
  lessons: {default: granted, when_denied: anonymize}
  chat: {default: denied, when_denied: drop, expires: 1y}
minors:
  bands:
    under_13: {guardian: all}
    teen: {guardian: [chat]}
    junior: {closed: [chat]}
    adult: {}
categories:
  play: {purpose: lessons, producers: [server], retention: {raw: keep, aggregate: keep}}
events:
  lesson: {category: play}
""",
    "school.yaml",
).purposes
ALLOW, ANONYMIZE, DROP = Decision.ALLOW, Decision.ANONYMIZE, Decision.DROP
NOW = b"%d" % (NOW_US - 1)


@pytest.mark.parametrize(
    ("purpose", "words", "decision", "status", "reason"),
    [
        # Not recorded: the first band, the strictest.
        ("lessons", None, ANONYMIZE, Status.UNKNOWN, Reason.GUARDIAN_MISSING),
        ("lessons", b"=under_13", ANONYMIZE, Status.UNKNOWN, Reason.GUARDIAN_MISSING),
        ("lessons", b"+lessons", ANONYMIZE, Status.GRANTED, Reason.GUARDIAN_MISSING),
        ("lessons", b"g+lessons", ALLOW, Status.GRANTED, Reason.ANSWER),
        ("lessons", b"=under_13 g+lessons", ALLOW, Status.GRANTED, Reason.ANSWER),
        # A child's own "no" counts.
        ("lessons", b"=under_13 ~lessons", ANONYMIZE, Status.WITHDRAWN, Reason.ANSWER),
        ("lessons", b"=teen", ALLOW, Status.UNKNOWN, Reason.DEFAULT),
        ("chat", b"=teen +chat", DROP, Status.GRANTED, Reason.GUARDIAN_MISSING),
        ("chat", b"=teen g+chat", ALLOW, Status.GRANTED, Reason.ANSWER),
        ("chat", b"=junior g+chat", DROP, Status.GRANTED, Reason.AGE),
        ("chat", b"=adult +chat", ALLOW, Status.GRANTED, Reason.ANSWER),
        ("chat", b"=adult", DROP, Status.UNKNOWN, Reason.DEFAULT),
        # A band that is not declared, or changes just now: the strictest of all.
        ("lessons", b"=?", ANONYMIZE, Status.UNKNOWN, Reason.GUARDIAN_MISSING),
        ("chat", b"=? g+chat", DROP, Status.GRANTED, Reason.AGE),
    ],
)
def test_the_band_decides_who_may_grant(
    purpose: str, words: bytes | None, decision: Decision, status: Status, reason: Reason
) -> None:
    text = None if words is None else b"4;:%b %b" % (NOW, words)
    ruling = decisions_for(PURPOSES[purpose]).ruling(text, NOW_US)
    assert ruling[:3] == (decision, status, reason)
    assert decisions_for(PURPOSES[purpose]).of(text, NOW_US) is decision


def test_a_guardian_who_is_missing_is_no_refusal() -> None:
    decisions = decisions_for(PURPOSES["lessons"])
    assert not decisions.refuses(None, NOW_US)
    assert not decisions.refuses(b"4;:%b +lessons" % NOW, NOW_US)
    assert decisions.refuses(b"4;:%b =under_13 ~lessons" % NOW, NOW_US)


@pytest.mark.parametrize(
    ("text", "unguarded"),
    [
        (None, True),
        (b"4 =under_13", True),
        (b"4;:%b =under_13 g+chat" % NOW, False),
        (b"4;:1 =under_13 g+chat", True),  # the guardian's grant has ended
        (b"4;:%b =teen -chat" % NOW, True),
        (b"4;:%b =adult -chat" % NOW, False),
    ],
)
def test_a_minor_without_a_guardians_grant_is_unguarded(
    text: bytes | None, unguarded: bool
) -> None:
    assert decisions_for(PURPOSES["chat"]).is_unguarded(text, NOW_US) is unguarded
