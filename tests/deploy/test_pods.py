"""Each pod of the base runs with as little power as the "restricted" Pod Security Standard asks for."""

import pytest

from tests.deploy.render import Object, pod_template

OWNERS = ["weir-ingest", "weir-enrich", "weir-aggregate", "weir-privacy", "weir-migrate"]
SIZES = {"Mi": 2**20, "Gi": 2**30}
each_pod = pytest.mark.parametrize("owner", OWNERS)


def _spec(objects: list[Object], owner: str) -> Object:
    return next(
        template["spec"]
        for item in objects
        if item["metadata"]["name"] == owner and (template := pod_template(item))
    )


def _cores(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def _bytes(quantity: str) -> int:
    return int(quantity[:-2]) * SIZES[quantity[-2:]]


def test_no_pod_is_left_out(objects: list[Object]) -> None:
    assert {item["metadata"]["name"] for item in objects if pod_template(item)} == set(OWNERS)


@each_pod
def test_security(objects: list[Object], owner: str) -> None:
    spec = _spec(objects, owner)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@each_pod
def test_own_service_account_without_a_token(objects: list[Object], owner: str) -> None:
    assert _spec(objects, owner)["serviceAccountName"] == owner
    (account,) = (
        item
        for item in objects
        if item["kind"] == "ServiceAccount" and item["metadata"]["name"] == owner
    )
    assert account["automountServiceAccountToken"] is False


@each_pod
def test_resources(objects: list[Object], owner: str) -> None:
    (container,) = _spec(objects, owner)["containers"]
    requests, limits = container["resources"]["requests"], container["resources"]["limits"]
    assert 0 < _cores(requests["cpu"]) <= _cores(limits["cpu"])
    assert 0 < _bytes(requests["memory"]) <= _bytes(limits["memory"])


@each_pod
def test_service_variables_do_not_become_settings(objects: list[Object], owner: str) -> None:
    # A Service named `weir` would set WEIR_PORT=tcp://10.0.0.1:50051 in every pod.
    assert _spec(objects, owner)["enableServiceLinks"] is False


def test_a_slow_start_is_waited_for(deployments: dict[str, Object]) -> None:
    for deployment in deployments.values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        probe = container["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 60


def test_everything_but_the_namespace_lies_in_the_namespace(objects: list[Object]) -> None:
    for item in objects:
        if item["kind"] == "Namespace":
            assert item["metadata"]["name"] == "weir"
        else:
            assert item["metadata"]["namespace"] == "weir"


def test_no_pod_is_restarted_for_a_store_that_is_away(deployments: dict[str, Object]) -> None:
    assert deployments
    for name, deployment in deployments.items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        service = name.removeprefix("weir-")
        full_name = f"weir.{service}.v1.{service.capitalize()}Service"
        # The empty name depends on no store, see docs/operations.md.
        assert "service" not in container["startupProbe"]["grpc"]
        assert "service" not in container["livenessProbe"]["grpc"]
        assert container["readinessProbe"]["grpc"]["service"] == full_name
