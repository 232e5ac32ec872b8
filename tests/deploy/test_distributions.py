"""The two distributions, by their pyproject.toml; tests/e2e/test_wheels.py builds and runs them."""

import tomllib
from typing import Any

from packaging.requirements import Requirement

from libs.runtime.resources import CATALOGS, MIGRATIONS
from tests.support.repository import REPOSITORY

CLIENT = REPOSITORY / "clients" / "python"


def _read(folder: str) -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / folder / "pyproject.toml").read_text())


def _requirements(folder: str) -> dict[str, Requirement]:
    lines = map(Requirement, _read(folder)["project"]["dependencies"])
    return {line.name: line for line in lines}


def test_the_sdk_requires_grpc_protobuf_and_the_messages_of_google_rpc() -> None:
    assert set(_requirements("clients/python")) == {
        "grpcio",
        "protobuf",
        "googleapis-common-protos",
    }


def test_the_suite_requires_what_the_sdk_inside_it_requires() -> None:
    suite = _requirements(".")
    for name, requirement in _requirements("clients/python").items():
        assert suite[name].specifier == requirement.specifier
    # It is inside: as a requirement, pip would look for it on an index.
    assert "weir-client" not in suite


def test_both_have_one_version_one_python_and_one_licence() -> None:
    suite, client = _read(".")["project"], _read("clients/python")["project"]
    for field in ("version", "requires-python", "license"):
        assert client[field] == suite[field]
    assert (CLIENT / "LICENSE").read_text() == (REPOSITORY / "LICENSE").read_text()


def test_a_source_distribution_has_all_that_the_wheel_is_made_of() -> None:
    targets = _read(".")["tool"]["hatch"]["build"]["targets"]
    sources = tuple(path.lstrip("/") for path in targets["sdist"]["include"])
    for path in targets["wheel"]["only-include"]:
        assert path.startswith(sources)
        assert (REPOSITORY / path).is_dir()


def test_in_the_source_tree_resources_are_those_at_its_top() -> None:
    assert CATALOGS == REPOSITORY / "catalogs"
    assert MIGRATIONS == REPOSITORY / "migrations"
    assert (MIGRATIONS / "env.py").is_file()
