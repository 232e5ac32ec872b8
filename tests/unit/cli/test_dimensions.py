"""What `--where dimension=value` asks for."""

import pytest
import typer

from cli.dimensions import dimensions_of, text_advice, value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("null", None),
        ("5", 5),
        ("-7.5", -7.5),
        ("true", True),
        ("fly", "fly"),
        ('"5"', "5"),
        # No double has these digits.
        ("1.0", "1.0"),
        ("15.10", "15.10"),
        ("1234567890123456789", "1234567890123456789"),
        ("9007199254740992", "9007199254740992"),
        ("007", "007"),
        ("1e3", "1e3"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
    ],
)
def test_a_number_is_one_only_if_it_keeps_its_digits(text: str, value: object) -> None:
    found = value_of(text)
    assert (type(found), found) == (type(value), value)


def test_conditions_become_dimensions() -> None:
    assert dimensions_of(["mode=6", "map=de_dust=2"]) == {"mode": 6, "map": "de_dust=2"}


def test_what_is_no_condition_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        dimensions_of(["mode"])
    assert ended.value.exit_code == 2
    assert "--where mode: must be dimension=value" in capsys.readouterr().err


def test_the_text_of_a_number_is_advised() -> None:
    assert (
        text_advice(["map=dust", "mode=6"]) == "; to find mode sent as a text: --where 'mode=\"6\"'"
    )
    assert text_advice(["map=dust"]) == ""
