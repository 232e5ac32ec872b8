"""`google.protobuf.Struct` as plain Python."""

from typing import Any


def plain_struct(struct: Any) -> dict[str, Any]:
    """A Struct as a dict; whole numbers as integers, since Struct has doubles only.

    Struct cannot tell 5 from 5.0, and schemas ask for integers far more often than for whole floats.
    Raises ValueError for a number that JSON cannot express.
    """
    return {key: plain_value(value) for key, value in struct.fields.items()}


def plain_value(value: Any) -> Any:
    """A `google.protobuf.Value` as JSON has it; see `plain_struct`."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError("has a number that JSON cannot express")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "struct_value":
        return plain_struct(value.struct_value)
    if kind == "list_value":
        return [plain_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def contains_nul(plain: object) -> bool:
    """Whether a text or a key in plain JSON has U+0000, which Postgres cannot store."""
    if isinstance(plain, str):
        return "\x00" in plain
    if isinstance(plain, dict):
        return any("\x00" in key or contains_nul(value) for key, value in plain.items())
    return isinstance(plain, list) and any(map(contains_nul, plain))
