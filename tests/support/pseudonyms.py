"""The pseudonyms of tests."""

from libs.common.pseudonym import Pseudonymizer
from suite.home import Home

PSEUDONYM_KEY = "0123456789abcdef"
PSEUDONYMS = Pseudonymizer(PSEUDONYM_KEY.encode())


def pseudonymizer_of(home: Home) -> Pseudonymizer:
    """That of the services of a suite."""
    return Pseudonymizer(home.secret("pseudonym.key").encode())
