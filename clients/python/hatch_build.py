"""Puts the generated stubs, `weir`, beside `weir_client` in the wheel and in the source distribution."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StubsHook(BuildHookInterface[Any]):
    """Finds the stubs in the repository, or in the source distribution if that is what is built from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the stubs to what is built; an editable installation reads them at their place."""
        if version == "editable":
            return
        root = Path(self.root)
        places = [root.parents[1] / "protos" / "gen" / "weir", root / "weir"]
        for place in places:
            if (place / "ingest" / "v1" / "ingest_service_pb2.py").is_file():
                build_data["force_include"][str(place)] = "weir"
                return
        raise FileNotFoundError(f"the stubs are in neither of {', '.join(map(str, places))}")
