"""A long id is found in texts whose senders have encoded it, and nothing of it is left."""

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.common.mentions import PersonIds, forms_of, in_json, names_person, reveals_person

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
# No character twice, so that a part of the id is nowhere else in it; 12 and more, as `[person]` asks for.
IDS = st.lists(
    st.characters(exclude_categories=("C", "Z")), unique=True, min_size=12, max_size=40
).map("".join)
ALPHABETS = st.sampled_from([base64.b64encode, base64.urlsafe_b64encode])


@given(IDS, st.binary(max_size=20), st.binary(max_size=20), ALPHABETS, st.booleans())
def test_in_base64_no_bit_of_the_id_is_left(
    person_id: str, before: bytes, behind: bytes, encode: Callable[[bytes], bytes], padded: bool
) -> None:
    content = person_id.encode()
    assume(person_id not in (before + behind).decode(errors="replace"))
    encoded = encode(before + content + behind).decode()
    bare = encoded.rstrip("=")
    people = PersonIds((person_id,))
    assert people.is_in(encoded if padded else bare)
    left = people.redacted(encoded if padded else bare)
    head, tail = left.split("[person]")
    # Six bits a character: those that only what stands before, or behind, has a part in.
    assert head == bare[: len(before) * 8 // 6]
    last = -(-(len(before) + len(content)) * 8 // 6)
    assert tail.rstrip("=") == bare[last:]
    assert padded or tail == bare[last:]


@given(IDS, st.binary(max_size=8), st.binary(max_size=8), st.booleans())
def test_in_hexadecimal_digits(person_id: str, before: bytes, behind: bytes, upper: bool) -> None:
    parts = [part.hex() for part in (before, person_id.encode(), behind)]
    head, digits, tail = [part.upper() if upper else part for part in parts]
    people = PersonIds((person_id,))
    assume(digits not in (head + tail))
    assert people.redacted(head + digits + tail) == f"{head}[person]{tail}"


@given(IDS, st.booleans(), st.sampled_from(["", "!'()*", ":@/+&=?#$,;!'()*"]))
def test_percent_encoded(person_id: str, upper: bool, unencoded: str) -> None:
    def percent(byte: int) -> str:
        return f"%{byte:02X}" if upper else f"%{byte:02x}"

    encoded = "".join(
        character
        if character.isascii() and (character.isalnum() or character in "-._~" + unencoded)
        else "".join(map(percent, character.encode()))
        for character in person_id
    )
    assert PersonIds((person_id,)).redacted(f"/u/{encoded}?x=1") == "/u/[person]?x=1"


def test_the_shortest_forms_are_found() -> None:
    for person_id in ("auth0|abcdef", "abcdefghijkl", "ab#cdefghijk"):
        for form in forms_of(person_id):
            assert PersonIds((person_id,)).redacted(form) == "[person]"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        # A token, a value beside others, one in a URL.
        f"x.{_base64(json.dumps({'sub': UUID, 'n': 1}))}.y",
        _base64(f"user:{UUID}"),
        f"https://x.example/?q={_base64(UUID)}&n=1",
    ],
)
def test_it_is_found_wherever_texts_are_searched(text: str) -> None:
    people = PersonIds((UUID, "another"))
    assert names_person({"deep": [{text: 1}]}, people)
    assert names_person([text], people)
    assert reveals_person(text, UUID)
    assert _base64(UUID)[5:-5] not in people.redacted(text)
    assert any(form in text for form in forms_of(UUID))


def test_what_is_not_found() -> None:
    """Docs say so: short ids, two layers, lines of 76 characters, other alphabets of bytes."""
    assert not PersonIds(("abcde-12345",)).is_in(_base64("abcde-12345"))
    people = PersonIds((UUID,))
    assert not people.is_in(_base64(_base64(UUID)))
    assert not people.is_in(base64.encodebytes(b"x" * 50 + UUID.encode()).decode())
    assert not people.is_in(base64.b64encode(UUID.encode("utf-16")).decode())
    assert not people.is_in(base64.b32encode(UUID.encode()).decode())


def test_an_id_as_json_has_it() -> None:
    assert set(in_json('ä/"')) == {
        'ä/"',
        'ä/\\"',
        '\\u00e4/\\"',
        'ä\\/"',
        'ä\\/\\"',
        '\\u00e4\\/\\"',
    }
