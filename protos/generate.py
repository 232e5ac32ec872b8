"""Rebuilds the committed stubs in `protos/gen` from `protos/weir`, or checks them for drift."""

import argparse
import filecmp
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
GENERATED = PROTOS / "gen"
# What the last release had: later ones may add to it, and break nothing.
RELEASED = PROTOS / "released.binpb"


def include_paths() -> list[str]:
    """Where protoc looks: our protos, protobuf's own, and googleapis' (`google/rpc/status.proto`)."""
    import google.rpc

    googleapis = Path(next(iter(google.rpc.__path__))).parents[1]
    return [str(PROTOS), str(resources.files("grpc_tools") / "_proto"), str(googleapis)]


def run_protoc(*arguments: str) -> None:
    """Runs protoc over every proto of ours; raises SystemExit with its code where it fails."""
    files = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "weir").rglob("*.proto"))
    includes = [f"-I{path}" for path in include_paths()]
    if code := protoc.main(["protoc", *includes, *arguments, *files]):
        raise SystemExit(code)


def generate(target: Path) -> None:
    """Writes message modules, typing stubs and gRPC stubs below `target`."""
    run_protoc(f"--python_out={target}", f"--pyi_out={target}", f"--grpc_python_out={target}")
    for package in {path.parent for path in (target / "weir").rglob("*.py")}:
        for folder in (package, *package.parents):
            if folder == target:
                break
            (folder / "__init__.py").touch()
    (target / "weir" / "py.typed").touch()


def drifted(fresh: Path) -> list[str]:
    """Names of the stubs that differ between `fresh` and the committed ones."""
    names = {p.relative_to(root) for root in (fresh, GENERATED) for p in root.rglob("*.py*")}
    return sorted(
        str(name)
        for name in names
        if name.suffix in {".py", ".pyi"}
        and not (
            (fresh / name).exists()
            and (GENERATED / name).exists()
            and filecmp.cmp(fresh / name, GENERATED / name, shallow=False)
        )
    )


def main() -> None:
    """Rebuilds the stubs; `--check` compares them, `--image FILE` and `--release` write sets for buf."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the stubs differ")
    parser.add_argument("--image", type=Path, help="write a descriptor set for `buf lint`")
    parser.add_argument(
        "--release", action="store_true", help="write the image that `buf breaking` compares with"
    )
    options = parser.parse_args()
    if options.image:
        run_protoc(
            f"--descriptor_set_out={options.image}", "--include_imports", "--include_source_info"
        )
        return
    if options.release:
        # Without comments: only what callers depend on.
        run_protoc(f"--descriptor_set_out={RELEASED}", "--include_imports")
        return
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        if options.check:
            if names := drifted(fresh):
                sys.exit("stubs differ from protos, run `make protos`:\n  " + "\n  ".join(names))
            return
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(fresh, GENERATED)


if __name__ == "__main__":
    main()
