"""The text of a state, by hand."""

import pytest

from libs.consent import ConsentState, encode_state, parse_state


def test_a_state_is_its_version_and_the_sorted_choices() -> None:
    assert encode_state(12, {"telemetry": True, "marketing": False}) == b"12 -marketing +telemetry"
    assert encode_state(7, {}) == b"7"


def test_equal_choices_are_equal_bytes() -> None:
    assert encode_state(1, {"a": True, "b": False}) == encode_state(1, {"b": False, "a": True})


def test_parsing_gives_back_what_was_encoded() -> None:
    state = parse_state(b"12 -marketing +telemetry")
    assert state == ConsentState(12, {"marketing": False, "telemetry": True})
    assert parse_state(b"7") == ConsentState(7, {})


def test_a_parsed_state_cannot_be_changed() -> None:
    choices = parse_state(b"1 +telemetry").choices
    with pytest.raises(TypeError):
        choices["telemetry"] = False  # type: ignore[index]


@pytest.mark.parametrize(
    "text", [b"", b"x", b"+telemetry", b"1 telemetry", b"1 +", b"1  +a", b"f760975319ed95e1"]
)
def test_anything_else_is_no_state(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_state(text)


@pytest.mark.parametrize("purpose", ["", "two words", "a\nb"])
def test_a_purpose_that_the_text_cannot_carry_is_refused(purpose: str) -> None:
    with pytest.raises(ValueError):
        encode_state(1, {purpose: True})
