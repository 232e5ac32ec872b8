"""What a recording may say."""

from types import SimpleNamespace
from typing import Any

import pytest

from libs.common.errors import InvalidArgument
from services.privacy.consent.model import Recording, Subject
from services.privacy.consent.validation import check_recording

CATALOG: Any = SimpleNamespace(purposes={f"p{number}": None for number in range(40)})


def check(
    *purposes: str,
    subject_id: str = "ann",
    granted: bool = True,
    actor: str = "ann",
    method: str = "settings_page",
    notice_version: str = "3",
) -> None:
    choices = dict.fromkeys(purposes, granted)
    person = Subject("chess", subject_id)
    check_recording(CATALOG, Recording(person, choices, actor, method, notice_version), purposes)


def test_what_is_complete_passes() -> None:
    check("p1")
    check(*(f"p{number}" for number in range(32)))
    check("p1", granted=False, notice_version="")


@pytest.mark.parametrize(
    ("purposes", "others", "field"),
    [
        ([], {}, "choices"),
        ([f"p{number}" for number in range(33)], {}, "choices"),
        (["p1", "marketing"], {}, "choices[1].purpose"),
        (["p1", "p2", "p1"], {}, "choices[2].purpose"),
        (["p1"], {"subject_id": ""}, "subject_id"),
        (["p1"], {"actor": ""}, "actor"),
        (["p1"], {"actor": "a\x1b[31m"}, "actor"),
        (["p1"], {"method": "m" * 129}, "method"),
        (["p1"], {"notice_version": ""}, "notice_version"),
    ],
)
def test_the_field_at_fault_is_named(
    purposes: list[str], others: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check(*purposes, **others)  # type: ignore[arg-type]
    assert caught.value.field == field
