"""Every object of the base is one that Kubernetes accepts, in each version that Weir supports."""

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.render import BASE, Object, render
from tests.support.repository import REPOSITORY

# `lifecycle.preStop.sleep` is on by default from 1.30 on; docs/operations.md says so.
OLDEST = (1, 30)
VERSIONS = sorted(
    {
        version
        for version in kubernetes_validate.utils.all_versions()
        if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST
    }
)


def _key(item: Object) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


def test_versions_reach_from_the_oldest_to_the_newest() -> None:
    assert VERSIONS[0] == "1.30.0"
    assert VERSIONS[-1] == kubernetes_validate.latest_version()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(objects: list[Object], version: str) -> None:
    for item in objects:
        kubernetes_validate.validate(item, version, strict=True)


def test_the_secret_example_is_valid() -> None:
    example = yaml.safe_load((REPOSITORY / "deploy/k8s/secrets.example.yaml").read_text())
    kubernetes_validate.validate(example, VERSIONS[0], strict=True)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "template", "spec", "containers", 0, "livenesProbe"), {}),
        ("Deployment", ("spec", "template", "spec", "containers", 0, "ports"), "50051"),
        ("HorizontalPodAutoscaler", ("spec", "maxReplicas"), "ten"),
        ("ConfigMap", ("data", "WEIR_SHARDS"), 1),
    ],
)
def test_the_check_finds_mistakes(
    objects: list[Object], kind: str, path: tuple[str | int, ...], value: object
) -> None:
    broken = copy.deepcopy(next(item for item in objects if item["kind"] == kind))
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_kustomize_makes_the_same_objects(objects: list[Object]) -> None:
    commands = {"kustomize": ["kustomize", "build"], "kubectl": ["kubectl", "kustomize"]}
    command = next((line for name, line in commands.items() if shutil.which(name)), None)
    if command is None:
        pytest.skip("neither kustomize nor kubectl is on PATH")
    built = subprocess.run([*command, BASE], capture_output=True, text=True, check=True).stdout
    theirs = [item for item in yaml.safe_load_all(built) if item]
    assert sorted(theirs, key=_key) == sorted(objects, key=_key)


def test_kubeconform_agrees(objects: list[Object]) -> None:
    if shutil.which("kubeconform") is None:
        pytest.skip("kubeconform is not on PATH")
    # Its schemas come from the network, so a failure of its own is no verdict on ours.
    run = subprocess.run(
        ["kubeconform", "-strict", "-summary"],
        input=yaml.safe_dump_all(objects),
        capture_output=True,
        text=True,
        check=False,
    )
    if "failed downloading schema" in run.stdout + run.stderr:
        pytest.skip("kubeconform could not fetch its schemas")
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_renderer_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\nnamePrefix: a-\n")
    with pytest.raises(ValueError, match="namePrefix"):
        render(tmp_path)
