"""What a recording may say."""

from types import SimpleNamespace
from typing import Any

import pytest

from libs.common.errors import InvalidArgument
from libs.consent import Status
from services.privacy.consent.model import Recording, Subject
from services.privacy.consent.validation import check_recording
from tests.support.clocks import NOW_US

CATALOG: Any = SimpleNamespace(purposes={f"p{number}": None for number in range(40)}, minors=None)


def check(
    *purposes: str,
    subject_id: str = "ann",
    granted: bool = True,
    actor: str = "ann",
    method: str = "settings_page",
    notice_version: str = "3",
    source: str = "web",
    expires_at_us: int | None = None,
) -> None:
    choices = dict.fromkeys(purposes, Status.GRANTED if granted else Status.DENIED)
    said = Recording(
        Subject("chess", subject_id),
        choices,
        actor,
        method,
        notice_version,
        source,
        expires_at_us=expires_at_us,
    )
    check_recording(CATALOG, said, purposes, NOW_US)


def test_what_is_complete_passes() -> None:
    check("p1")
    check(*(f"p{number}" for number in range(32)))
    check("p1", granted=False, notice_version="")
    check("p1", expires_at_us=NOW_US + 1)


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
        (["p1"], {"source": "\n"}, "source"),
        (["p1"], {"expires_at_us": NOW_US}, "expires_at"),
        (["p1"], {"expires_at_us": 253_402_300_800_000_000}, "expires_at"),
        (["p1"], {"expires_at_us": NOW_US + 1, "granted": False}, "expires_at"),
    ],
)
def test_the_field_at_fault_is_named(
    purposes: list[str], others: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check(*purposes, **others)
    assert caught.value.field == field
