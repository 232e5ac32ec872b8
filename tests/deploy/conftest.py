"""The rendered base, for all tests of this folder."""

import pytest

from tests.deploy.render import BASE, Object, render


@pytest.fixture(scope="session")
def objects() -> list[Object]:
    return render(BASE)


@pytest.fixture(scope="session")
def deployments(objects: list[Object]) -> dict[str, Object]:
    """By the name of the service."""
    return {
        item["metadata"]["name"].removeprefix("weir-"): item
        for item in objects
        if item["kind"] == "Deployment"
    }
