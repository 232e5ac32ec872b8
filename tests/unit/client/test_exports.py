"""What the SDK shows, and what it stands on."""

import ast
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import weir_client

# Modules of grpcio, protobuf and the stubs; OpenTelemetry only if the application has it.
STANDS_ON = {"grpc", "google", "weir", "weir_client", "typing_extensions"}
ONLY_THESE = f"""
import importlib.abc, json, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first not in sys.stdlib_module_names and first not in {STANDS_ON!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
import weir_client
from weir_client.tracing import batch_span
with batch_span("producer.track", app_id="chess", events=1) as traceparent:
    print(json.dumps([traceparent, weir_client.build_event("view").name]))
"""


def test_every_name_that_the_package_imports_for_others_is_listed() -> None:
    tree = ast.parse((resources.files(weir_client) / "__init__.py").read_text())
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(weir_client.__all__) == imported
    assert len(weir_client.__all__) == len(imported)


def test_type_checkers_may_read_it() -> None:
    assert (resources.files(weir_client) / "py.typed").is_file()


def test_it_runs_with_grpc_protobuf_and_the_stubs_alone(
    tmp_path: Path,
) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", ONLY_THESE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == ["", "view"]
