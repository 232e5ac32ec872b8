"""Tokens are bound to their person, and nothing else passes for one."""

import pytest

from libs.common.errors import InvalidArgument
from services.privacy.consent.model import Subject
from services.privacy.consent.tokens import consent_token, token_version

ANN = Subject("chess", "ann")


def test_a_token_tells_its_version() -> None:
    assert token_version(ANN, consent_token(ANN, 42)) == 42
    assert token_version(ANN, consent_token(ANN, 2**63 - 1)) == 2**63 - 1


@pytest.mark.parametrize(
    "other", [Subject("chess", "bob"), Subject("go", "ann"), Subject("c", "hess")]
)
def test_a_token_of_somebody_else_is_refused(other: Subject) -> None:
    with pytest.raises(InvalidArgument) as caught:
        token_version(ANN, consent_token(other, 42))
    assert caught.value.field == "token"


def test_a_token_does_not_name_the_person() -> None:
    assert "ann" not in consent_token(ANN, 42)


@pytest.mark.parametrize(
    "token", ["x", "!", "AAAA", "é", "A" * 1000, consent_token(ANN, 42)[:-1], "\x00", "=" * 8]
)
def test_other_texts_are_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        token_version(ANN, token)


def test_a_version_beyond_postgres_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        token_version(ANN, consent_token(ANN, 2**63))
