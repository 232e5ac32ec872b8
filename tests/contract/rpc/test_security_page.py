"""docs/security.md lists every RPC with its permission, and every reason that it names exists."""

import re

from weir.common.v1 import error_reason_pb2

from libs.rpc.access import READING
from libs.rpc.page_tokens import VALID_HOURS
from libs.rpc.permissions import RULES
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "security.md").read_text()


def test_the_permissions() -> None:
    rows = re.findall(r"^\| `([\w.]+/\w+)` \| `([\w.]+)` \|$", PAGE, flags=re.MULTILINE)
    assert dict(rows) == {name[1:]: rule.permission for name, rule in RULES.items()}
    assert len(rows) == len(RULES)


def test_the_protos_name_the_permission_of_each_rpc() -> None:
    named = {}
    for file in (REPOSITORY / "protos").glob("weir/**/*_service.proto"):
        text = file.read_text()
        [package] = re.findall(r"^package ([\w.]+);$", text, flags=re.MULTILINE)
        [service] = re.findall(r"^service (\w+) ", text, flags=re.MULTILINE)
        for comment, rpc in re.findall(r"((?:  //.*\n)+)  rpc (\w+)\(", text):
            [permission] = re.findall(r"Permission: `([\w.]+)`", comment)
            named[f"/{package}.{service}/{rpc}"] = permission
    assert named == {
        name: rule.permission for name, rule in RULES.items() if name.startswith("/weir.")
    }


def test_the_read_token() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `WEIR_READ_TOKEN`")]
    assert set(re.findall(r"`([a-z]+\.[a-z]+)`", row)) == READING


def test_the_reasons() -> None:
    reasons = re.findall(r"\b[A-Z_]+ \| `([A-Z_]+)`", PAGE)
    assert len(reasons) == 5
    for reason in reasons:
        error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")


def test_how_long_page_tokens_are_valid() -> None:
    assert set(re.findall(r"(\d+) hours", PAGE)) == {str(VALID_HOURS)}
