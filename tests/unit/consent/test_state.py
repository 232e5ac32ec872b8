"""The text of a state, by hand."""

from dataclasses import replace

import pytest

from libs.consent import (
    Choice,
    ConsentState,
    Restriction,
    Status,
    encode_state,
    is_restricted,
    parse_state,
    state_version,
)
from tests.support.consents import consent_state, consent_text

FULL = ConsentState(
    12,
    {
        "telemetry": Choice(Status.GRANTED, 9, 1_700, 1_900),
        "marketing": Choice(Status.DENIED, 12, 1_800),
        "profile": Choice(Status.OBJECTED, 3, 1_500),
        "news": Choice(Status.WITHDRAWN, 12, 1_800),
        "age": Choice(Status.GRANTED, 10, 1_600, by_guardian=True),
    },
    age_band="under_13",
)
FULL_TEXT = (
    b"12;10:1600,:1800,:1800,3:1500,9:1700:1900"
    b" =under_13 g+age -marketing ~news !profile t+telemetry"
)


def test_a_state_is_its_version_and_the_sorted_choices() -> None:
    assert consent_text(12, telemetry=True, marketing=False) == b"12 -marketing +telemetry"
    assert consent_text(7) == b"7"


def test_what_differs_from_person_to_person_stands_before_the_choices() -> None:
    assert encode_state(FULL) == FULL_TEXT
    assert state_version(FULL_TEXT) == 12


def test_equal_choices_are_equal_bytes() -> None:
    assert consent_text(1, a=True, b=False) == consent_text(1, b=False, a=True)


def test_parsing_gives_back_what_was_encoded() -> None:
    assert parse_state(FULL_TEXT) == FULL
    state = parse_state(b"12 -marketing +telemetry")
    assert state == consent_state(12, marketing=False, telemetry=True)
    assert parse_state(b"7") == ConsentState(7, {})


def test_a_choice_without_a_version_gets_that_of_the_state() -> None:
    text = encode_state(ConsentState(5, {"a": Choice(Status.GRANTED, recorded_at_us=1_700)}))
    assert text == b"5;:1700 +a"
    assert parse_state(text).choices["a"] == Choice(Status.GRANTED, 5, 1_700)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (ConsentState(12, {}, restriction=Restriction(12, 1_700)), b"12;:1700 *"),
        (
            replace(FULL, restriction=Restriction(11, 1_650)),
            b"12;10:1600,:1800,:1800,3:1500,9:1700:1900,11:1650"
            b" * =under_13 g+age -marketing ~news !profile t+telemetry",
        ),
    ],
)
def test_a_restriction_stands_before_all_words_and_its_detail_behind(
    state: ConsentState, text: bytes
) -> None:
    assert encode_state(state) == text
    assert parse_state(text) == state
    assert is_restricted(text)
    assert not is_restricted(encode_state(replace(state, restriction=None)))
    assert not is_restricted(None)


def test_a_parsed_state_cannot_be_changed() -> None:
    choices = parse_state(b"1 +telemetry").choices
    with pytest.raises(TypeError):
        choices["telemetry"] = Choice(Status.DENIED)  # type: ignore[index]


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"x", b"+telemetry", b"1 telemetry", b"1 +", b"1  +a", b"f760975319ed95e1"),
        *(b"1; =", b"1;:5 +a +b", b"1;5 +a", b"1;:x +a", b"x;:5 +a", b"1 tg+a", b"1 +a =b"),
        *(b"1 =b *", b"1 +a *", b"1 * *"),
    ],
)
def test_anything_else_is_no_state(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_state(text)


@pytest.mark.parametrize("word", ["", "two words", "a\nb"])
def test_a_word_that_the_text_cannot_carry_is_refused(word: str) -> None:
    with pytest.raises(ValueError):
        consent_text(1, **{word: True})
    with pytest.raises(ValueError):
        encode_state(ConsentState(1, {}, age_band=word or " "))
