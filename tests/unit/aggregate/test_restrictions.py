"""What reads are kept from, of people whose data are restricted."""

from uuid import UUID

import pytest

from libs.common.errors import FailedPrecondition
from libs.common.pseudonym import Pseudonymizer
from libs.common.restricted import RestrictedPeople
from libs.events.filtering import parse_filter
from services.aggregate.restrictions.reads import Restrictions
from tests.support.pseudonyms import PSEUDONYM_KEY

# Of the second epoch: what was stored in the first one is kept back as well.
EPOCHS = Pseudonymizer(PSEUDONYM_KEY.encode(), epoch=2)
NEW, OLD = (UUID(each) for each in EPOCHS.all_epochs("chess", "ann"))


class People:
    """Those of one app."""

    def __init__(self, people: RestrictedPeople) -> None:
        self.people = people

    async def of_app(self, app_id: str) -> RestrictedPeople:
        return self.people if app_id == "chess" else RestrictedPeople()


ANN = Restrictions(People(RestrictedPeople(("ann",), (NEW, OLD))), EPOCHS)


async def test_numbers_of_a_restricted_person_are_not_shown() -> None:
    with pytest.raises(FailedPrecondition) as error:
        await ANN.check("chess", "ann")
    assert error.value.reason == "PROCESSING_RESTRICTED"
    await ANN.check("chess", "bob")
    await ANN.check("go", "ann")


@pytest.mark.parametrize(
    "query",
    [
        'subject_id = "ann"',
        'name = "a" AND subject_id = "ann"',
        f'person = "{NEW}"',
        f'person = "{OLD}"',
    ],
)
async def test_a_filter_that_asks_for_them_alone_is_answered_so(query: str) -> None:
    with pytest.raises(FailedPrecondition):
        await ANN.conditions("chess", parse_filter(query))


@pytest.mark.parametrize(
    "query",
    [
        "",
        'subject_id = "bob"',
        'subject_id = "bob" OR subject_id = "ann"',
        'subject_id != "ann"',
        'subject_id = "a*"',
    ],
)
async def test_their_events_are_left_out_of_all_others(query: str) -> None:
    [condition] = await ANN.conditions("chess", parse_filter(query) if query else None)
    assert condition.parameters == {
        "restricted": sorted([NEW, OLD]),
        "restricted_ids": ["ann"],
        "restricted_pseudonyms": sorted([NEW.hex, OLD.hex]),
    }
    assert await ANN.conditions("go", parse_filter(query) if query else None) == ()
