"""A chunk's persons and sessions are those that each event has alone."""

import pytest

from services.aggregate.counting.people import People
from tests.support.pseudonyms import PSEUDONYMS

APP = "chess"
ANN, BOB = (PSEUDONYMS.pseudonym(APP, subject) for subject in ("ann", "bob"))
# As ingest stores the pseudonym of a person who did not agree.
WITHDRAWN = BOB
OWN = PSEUDONYMS.pseudonym(APP, "anonymous\x00tab-7")


@pytest.mark.parametrize(
    ("subjects", "anonymous", "expected"),
    [
        (["ann", "bob", "ann"], ["", "tab-7", ""], [ANN, BOB, ANN]),
        (["ann", "", "", ""], ["", WITHDRAWN, "tab-7", ""], [ANN, BOB, OWN, ""]),
        ([], [], []),
    ],
)
def test_the_person_of_each_event(
    subjects: list[str], anonymous: list[str], expected: list[str]
) -> None:
    assert People(PSEUDONYMS, APP).persons(subjects, anonymous) == expected


def test_a_session_is_the_same_before_and_after_its_person_withdraws() -> None:
    replaced = PSEUDONYMS.pseudonym(APP, "session\x00s-1")
    people = People(PSEUDONYMS, APP)
    sessions = people.sessions(
        ["ann", "", "ann", "bob"], ["", ANN, "", ""], ["s-1", replaced, "", "s-2"]
    )
    assert sessions[0] == sessions[1] == PSEUDONYMS.pseudonym(APP, f"session\x00{replaced}")
    assert sessions[2] == ""
    assert len(set(sessions)) == 3


def test_a_session_of_an_app_that_stores_hashes_is_the_same_too() -> None:
    replaced = PSEUDONYMS.pseudonym(APP, "session\x00s-1")
    ids = ["ann", "", ""], ["", ANN, ""], [replaced, replaced, replaced]
    [session] = set(People(PSEUDONYMS, APP, hashes_sessions=True).sessions(*ids))
    assert [session] == People(PSEUDONYMS, APP).sessions(["ann"], [""], ["s-1"])
