"""Which catalogs the services of a running suite work with."""

from collections.abc import Mapping

from cli.findings import Finding, State
from cli.metrics_page import metric_values
from suite.home import Addresses

_NAME = "catalog versions"


def catalog_version(metrics_url: str) -> str:
    """The version of the catalogs that a service has in use; empty if it does not say so."""
    try:
        for labels, _ in metric_values(metrics_url, "weir_catalog_info"):
            return labels.get("version", "")
    except (OSError, ValueError):
        pass
    return ""


def version_finding(addresses: Addresses, folder_version: str) -> Finding:
    """Whether all services work with the catalogs of the suite's folder; `folder_version` is empty if these
    are broken."""
    versions = {name: catalog_version(url) for name, url in addresses.metrics.items()}
    found = set(versions.values())
    if len(found) == 1 and found != {""} and folder_version in (*found, ""):
        [version] = found
        where = ", as in the folder" if folder_version else ": the folder's are refused"
        return Finding(
            _NAME,
            State.OK if folder_version else State.NOTE,
            f"all services have {version}{where}",
        )
    said = [f"{names} {version or 'nothing that can be read'}" for names, version in _by(versions)]
    folder = f"; the folder has {folder_version}" if folder_version else ""
    detail = f"{'; '.join(said)}{folder}: SIGHUP makes a service read it"
    return Finding(_NAME, State.NOTE, detail)


def _by(versions: Mapping[str, str]) -> list[tuple[str, str]]:
    """`ingest, enrich have` and the version that these have."""
    names: dict[str, list[str]] = {}
    for name, version in versions.items():
        names.setdefault(version, []).append(name)
    return [
        (f"{', '.join(having)} {'has' if len(having) == 1 else 'have'}", version)
        for version, having in names.items()
    ]
