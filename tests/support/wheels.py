"""Wheels of this repository, and environments to install them into, all without a network."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.environment import without_settings


def build_wheel(project: Path, folder: Path) -> Path:
    """The wheel that `pip wheel` makes of the project, with the build backend that is installed here."""
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(project))
    [wheel] = folder.glob("*.whl")
    return wheel


def needed_by(requirements: Iterable[str], extras: Iterable[str] = ()) -> set[str]:
    """The names of the distributions that the requirements ask for, and of those that these need.

    Raises PackageNotFoundError if one is not installed here.
    """
    found: set[str] = set()
    waiting = [(line, tuple(extras)) for line in requirements]
    seen = set(waiting)
    while waiting:
        line, asked = waiting.pop()
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *asked)):
            continue
        found.add(canonicalize_name(requirement.name))
        further = {
            (other, tuple(requirement.extras))
            for other in metadata.requires(requirement.name) or ()
        }
        waiting += further - seen
        seen |= further
    return found


class PlainEnvironment:
    """A virtual environment with the named distributions, as they are installed here, and no others."""

    def __init__(self, folder: Path, distributions: Iterable[str]) -> None:
        venv.create(folder, symlinks=True)
        self._programs = folder / "bin"
        [self.site_packages] = folder.glob("lib/python*/site-packages")
        for name in distributions:
            self._link(metadata.distribution(name))

    def install(self, wheel: Path, extra: str = "") -> None:
        """Installs the wheel; raises CalledProcessError if a distribution that it requires is missing."""
        target = f"{wheel}[{extra}]" if extra else str(wheel)
        _pip("--python", str(self.program("python")), "install", "--no-index", target)

    def program(self, name: str) -> Path:
        """A program of the environment."""
        return self._programs / name

    def run(
        self, folder: Path, program: str, *arguments: str, timeout_seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program in the folder, with nothing of this process's paths or settings."""
        environment = without_settings()
        environment.pop("PYTHONPATH", None)
        return subprocess.run(
            [self.program(program), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )

    def _link(self, distribution: metadata.Distribution) -> None:
        for file in distribution.files or ():
            if ".." in file.parts:  # programs, which no test needs
                continue
            target = self.site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            source = distribution.locate_file(file)
            try:
                os.link(str(source), target)
            except OSError:  # another file system
                shutil.copy2(str(source), target)


def _pip(*arguments: str) -> None:
    options = ["--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", *options, *arguments], check=True, timeout=180)
