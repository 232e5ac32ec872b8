"""The words for the numbers of the protos' enums."""

import pytest
from weir.common.v1 import event_pb2

from libs.catalog import event_words


@pytest.mark.parametrize(
    ("enum", "unspecified", "words"),
    [
        (event_pb2.Producer, "", event_words.PRODUCERS),
        (event_pb2.Environment, "production", event_words.ENVIRONMENTS),
        (event_pb2.PrivacyLevel, "", event_words.PRIVACY_LEVELS),
    ],
)
def test_the_numbers_are_the_protos(
    enum: type[event_pb2.Producer], unspecified: str, words: tuple[str, ...]
) -> None:
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    names = {number: name.removeprefix(prefix).lower() for name, number in enum.items()}
    assert dict(enumerate(words)) == {**names, 0: unspecified}
    # Exactly texts: COPY and JSON write no enum members.
    assert {type(word) for word in words} == {str}
