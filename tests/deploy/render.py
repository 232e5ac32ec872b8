"""What `kustomize build` makes of a base, for those features that ours uses."""

import copy
from pathlib import Path
from typing import Any

import yaml

from tests.support.repository import REPOSITORY

Object = dict[str, Any]

BASE = REPOSITORY / "deploy" / "k8s" / "base"
FEATURES = {"apiVersion", "kind", "namespace", "labels", "images", "resources"}
CLUSTER_WIDE = {"Namespace"}


def render(folder: Path) -> list[Object]:
    """The objects of a base in the order of its resources.

    Raises ValueError if the kustomization uses what this renderer does not know.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := kustomization.keys() - FEATURES:
        raise ValueError(f"{folder}: the renderer does not know {sorted(unknown)}")
    objects = [found for name in kustomization["resources"] for found in _load(folder / name)]
    for item in objects:
        if namespace := kustomization.get("namespace"):
            _set_namespace(item, namespace)
        for rule in kustomization.get("labels", []):
            _add_labels(item, rule)
        for image in kustomization.get("images", []):
            _set_image(item, image)
    return objects


def pod_template(item: Object) -> Object | None:
    """The pod template of an object that makes pods; None for others."""
    template: Object | None = item.get("spec", {}).get("template")
    return template


def _load(path: Path) -> list[Object]:
    if path.is_dir():
        return render(path)
    return [copy.deepcopy(found) for found in yaml.safe_load_all(path.read_text()) if found]


def _set_namespace(item: Object, namespace: str) -> None:
    key = "name" if item["kind"] in CLUSTER_WIDE else "namespace"
    item["metadata"][key] = namespace


def _add_labels(item: Object, rule: Object) -> None:
    if unknown := rule.keys() - {"pairs", "includeTemplates"}:
        raise ValueError(f"the renderer does not know labels with {sorted(unknown)}")
    item["metadata"].setdefault("labels", {}).update(rule["pairs"])
    if rule.get("includeTemplates") and (template := pod_template(item)):
        template["metadata"].setdefault("labels", {}).update(rule["pairs"])


def _set_image(item: Object, image: Object) -> None:
    if unknown := image.keys() - {"name", "newName", "newTag"}:
        raise ValueError(f"the renderer does not know images with {sorted(unknown)}")
    if not (template := pod_template(item)):
        return
    for container in [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]:
        name, _, tag = container["image"].partition(":")
        if name == image["name"]:
            tag = image.get("newTag", tag)
            container["image"] = image.get("newName", name) + (f":{tag}" if tag else "")
