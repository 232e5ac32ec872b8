"""What the objects of the base say about each other, and about the services they run."""

import tomllib

import pytest
import yaml

from libs.runtime.settings import CommonSettings, PeerSettings
from services.aggregate.settings import AggregateSettings
from services.enrich.settings import EnrichSettings
from services.ingest.settings import IngestSettings
from services.privacy.settings import PrivacySettings
from suite.table import SERVICES
from tests.deploy.render import Object, pod_template
from tests.support.repository import REPOSITORY

SETTINGS: dict[str, type[CommonSettings]] = {
    "ingest": IngestSettings,
    "enrich": EnrichSettings,
    "aggregate": AggregateSettings,
    "privacy": PrivacySettings,
}
# Who may know which secret, by hand: the key in `weir-secrets` of each variable. Privacy alone
# has the keys of the audit trail and of sealing, and each service has the database's URL for its own role.
COMMON = {"WEIR_REDIS_URL": "WEIR_REDIS_URL", "WEIR_AUTH_TOKEN": "WEIR_AUTH_TOKEN"}
SECRETS: dict[str, dict[str, str]] = {
    "weir-ingest": {
        **COMMON,
        "WEIR_DATABASE_URL": "WEIR_INGEST_DATABASE_URL",
        "WEIR_PSEUDONYM_KEY": "WEIR_PSEUDONYM_KEY",
    },
    "weir-enrich": {
        **COMMON,
        "WEIR_DATABASE_URL": "WEIR_ENRICH_DATABASE_URL",
        "WEIR_PSEUDONYM_KEY": "WEIR_PSEUDONYM_KEY",
    },
    "weir-aggregate": {
        **COMMON,
        "WEIR_DATABASE_URL": "WEIR_AGGREGATE_DATABASE_URL",
        "WEIR_READ_TOKEN": "WEIR_READ_TOKEN",
        "WEIR_PSEUDONYM_KEY": "WEIR_PSEUDONYM_KEY",
    },
    "weir-privacy": {
        **COMMON,
        "WEIR_DATABASE_URL": "WEIR_PRIVACY_DATABASE_URL",
        "WEIR_PSEUDONYM_KEY": "WEIR_PSEUDONYM_KEY",
        "WEIR_PRIVACY_AUDIT_KEY": "WEIR_PRIVACY_AUDIT_KEY",
        "WEIR_PRIVACY_AUDIT_EARLIER_KEYS": "WEIR_PRIVACY_AUDIT_EARLIER_KEYS",
        "WEIR_PRIVACY_SEALING_KEYS": "WEIR_PRIVACY_SEALING_KEYS",
    },
    "weir-migrate": {"WEIR_DATABASE_URL": "WEIR_DATABASE_URL"},
}
each_service = pytest.mark.parametrize("service", SETTINGS)


def _named(objects: list[Object], kind: str, service: str) -> Object:
    found = [
        item
        for item in objects
        if item["kind"] == kind and item["metadata"]["name"] == f"weir-{service}"
    ]
    assert len(found) == 1, f"{len(found)} of {kind} weir-{service}"
    return found[0]


def _pods(objects: list[Object]) -> dict[str, Object]:
    """The pod specs by the name of what makes them."""
    return {
        item["metadata"]["name"]: template["spec"]
        for item in objects
        if (template := pod_template(item))
    }


def test_all_services_are_here() -> None:
    assert set(SETTINGS) == {row.name for row in SERVICES}


@each_service
def test_selectors_match_the_pods_of_this_service_only(
    objects: list[Object], deployments: dict[str, Object], service: str
) -> None:
    selectors = {
        "Deployment": _named(objects, "Deployment", service)["spec"]["selector"]["matchLabels"],
        "Service": _named(objects, "Service", service)["spec"]["selector"],
        "PodDisruptionBudget": _named(objects, "PodDisruptionBudget", service)["spec"]["selector"][
            "matchLabels"
        ],
    }
    spread = deployments[service]["spec"]["template"]["spec"]["topologySpreadConstraints"]
    for rule in spread:
        selectors[rule["topologyKey"]] = rule["labelSelector"]["matchLabels"]
    for whose, selector in selectors.items():
        matched = [
            item["metadata"]["name"]
            for item in objects
            if (template := pod_template(item))
            and selector.items() <= template["metadata"]["labels"].items()
        ]
        assert matched == [f"weir-{service}"], whose


@each_service
def test_the_service_is_headless_and_leads_to_the_grpc_port(
    objects: list[Object], deployments: dict[str, Object], service: str
) -> None:
    spec = _named(objects, "Service", service)["spec"]
    assert spec["clusterIP"] == "None"
    (port,) = spec["ports"]
    assert port["port"] == SETTINGS[service].model_fields["port"].default
    (container,) = deployments[service]["spec"]["template"]["spec"]["containers"]
    ports = {named["name"]: named["containerPort"] for named in container["ports"]}
    assert ports[port["targetPort"]] == port["port"]


@each_service
def test_ports_are_those_of_the_settings(deployments: dict[str, Object], service: str) -> None:
    row = next(row for row in SERVICES if row.name == service)
    template = deployments[service]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": row.port, "metrics": row.metrics_port}
    assert ports["grpc"] == SETTINGS[service].model_fields["port"].default
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"]["port"] == row.port
    assert template["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(row.metrics_port),
        "prometheus.io/path": "/metrics",
    }
    assert {"name": "WEIR_METRICS_PORT", "value": str(row.metrics_port)} in container["env"]


@each_service
def test_the_autoscaler_owns_the_number_of_replicas(objects: list[Object], service: str) -> None:
    spec = _named(objects, "HorizontalPodAutoscaler", service)["spec"]
    target = spec["scaleTargetRef"]
    deployment = _named(objects, target["kind"], service)
    assert deployment["metadata"]["name"] == target["name"]
    assert deployment["apiVersion"] == target["apiVersion"]
    assert "replicas" not in deployment["spec"]
    assert 2 <= spec["minReplicas"] < spec["maxReplicas"]
    (metric,) = spec["metrics"]
    assert metric["resource"]["name"] == "cpu"
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    # Utilization is a share of the request: without one the autoscaler does nothing.
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "cpu" in container["resources"]["requests"]


@each_service
def test_a_disruption_leaves_somebody(objects: list[Object], service: str) -> None:
    budget = _named(objects, "PodDisruptionBudget", service)["spec"]["maxUnavailable"]
    autoscaler = _named(objects, "HorizontalPodAutoscaler", service)["spec"]
    assert budget < autoscaler["minReplicas"]


@each_service
def test_the_grace_period_outlasts_the_drain(
    objects: list[Object], deployments: dict[str, Object], service: str
) -> None:
    given = _named(objects, "ConfigMap", "settings")["data"]
    drain = float(given["WEIR_DRAIN_SECONDS"])
    assert drain == SETTINGS[service].model_fields["drain_seconds"].default
    spec = deployments[service]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    # What is being processed when the drain ends is finished, and spans are flushed: 15 s for both.
    assert spec["terminationGracePeriodSeconds"] >= sleep + drain + 15


@each_service
def test_every_variable_is_a_setting(
    objects: list[Object], deployments: dict[str, Object], service: str
) -> None:
    fields = {SETTINGS[service].variable(name) for name in SETTINGS[service].model_fields}
    (container,) = deployments[service]["spec"]["template"]["spec"]["containers"]
    assert {variable["name"] for variable in container["env"]} <= fields
    # What is not a setting of all is one of those that call others.
    common = {f"WEIR_{name.upper()}" for name in PeerSettings.model_fields}
    assert _named(objects, "ConfigMap", "settings")["data"].keys() <= common
    assert {"configMapRef": {"name": "weir-settings"}} in container["envFrom"]


@each_service
def test_the_settings_can_be_read(
    objects: list[Object],
    deployments: dict[str, Object],
    service: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (container,) = deployments[service]["spec"]["template"]["spec"]["containers"]
    given = dict(_named(objects, "ConfigMap", "settings")["data"])
    for variable in container["env"]:
        given[variable["name"]] = variable.get("value", "a-" + variable["name"])
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = SETTINGS[service]()
    settings.check_authentication()
    settings.require("database_url", "redis_url", "metrics_port")
    assert settings.environment == "production"
    assert settings.host == "0.0.0.0"
    assert container["args"] == ["serve", service]


def test_secrets_are_named_and_never_given(objects: list[Object]) -> None:
    assert "Secret" not in {item["kind"] for item in objects}
    for owner, spec in _pods(objects).items():
        (container,) = spec["containers"]
        secret = {}
        for variable in container["env"]:
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                assert reference["name"] == "weir-secrets"
                secret[variable["name"]] = reference["key"]
        assert secret == SECRETS[owner]
        assert all(
            variable["name"] not in SECRETS["weir-ingest"] or "value" not in variable
            for variable in container["env"]
        )
        assert all("secretRef" not in source for source in container.get("envFrom", []))


def test_the_example_names_every_secret_and_holds_none() -> None:
    text = (REPOSITORY / "deploy/k8s/secrets.example.yaml").read_text()
    given = yaml.safe_load(text)["stringData"]
    assert given.keys() == {key for secret in SECRETS.values() for key in secret.values()}
    assert all(value.startswith("<") and value.endswith(">") for value in given.values())


def test_one_image_everywhere_at_the_version_of_the_project(objects: list[Object]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    images = {
        container["image"]
        for spec in _pods(objects).values()
        for container in [*spec["containers"], *spec.get("initContainers", [])]
    }
    assert images == {f"weir:{project['version']}"}


def test_the_migration_ends_and_is_cleared_away(objects: list[Object]) -> None:
    job = _named(objects, "Job", "migrate")["spec"]
    assert job["ttlSecondsAfterFinished"] > 0
    assert job["backoffLimit"] > 0
    (container,) = job["template"]["spec"]["containers"]
    assert container["args"] == ["migrate"]


def test_network_policy_speaks_of_ports_that_pods_have(
    objects: list[Object], deployments: dict[str, Object]
) -> None:
    (policy,) = (item["spec"] for item in objects if item["kind"] == "NetworkPolicy")
    named = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    for deployment in deployments.values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert named == {port["name"] for port in container["ports"]}
    selector = policy["podSelector"]["matchLabels"]
    for item in objects:
        if template := pod_template(item):
            assert selector.items() <= template["metadata"]["labels"].items()
