"""`weir keys`: the keys that sealed properties are stored under, and those that wrap them."""

import json
from datetime import UTC, datetime

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import subject_key_service_pb2 as pb
from weir.privacy.v1 import subject_key_service_pb2_grpc

from cli.commands.jobs import run_job
from cli.options import AsCsv, AsJson, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from libs.sealing.keyring import new_wrapping_key_line

app = typer.Typer(
    no_args_is_help=True, help="The keys of people's sealed properties, and their rotation."
)


@app.callback()
def main() -> None:
    """The keys of people's sealed properties, and their rotation."""


@app.command()
def new() -> None:
    """Print a line with a new wrapping key, for WEIR_PRIVACY_SEALING_KEYS or its file."""
    typer.echo(new_wrapping_key_line())


@app.command()
def status(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """How many keys of people each wrapping key wraps, and when the one in use is to be replaced; exit code 1
    if one of these is missing, or the one in use should have been replaced.

    One that is not in use any more, and wraps none, can be taken away.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    with calls_to("privacy", subject_key_service_pb2_grpc.SubjectKeyServiceStub, "") as stub:
        found = stub.GetKeyStatus(pb.GetKeyStatusRequest())
    rows = {key.wrapping_key_id: (key.keys, key.is_available) for key in found.wrapped}
    rows.setdefault(found.current_wrapping_key_id, (0, True))
    is_overdue = found.rotation_due.ToDatetime(UTC) <= datetime.now(UTC)
    is_current = [key_id == found.current_wrapping_key_id for key_id in rows]
    if as_json:
        keys = [
            {"wrapping_key_id": key_id, "keys": keys, "in_use": current, "available": available}
            for (key_id, (keys, available)), current in zip(rows.items(), is_current, strict=True)
        ]
        age = {"used_since": _day(found.used_since), "rotation_due": _day(found.rotation_due)}
        found_keys = {"wrapping_keys": keys, **age, "destroyed": found.destroyed}
        typer.echo(json.dumps(found_keys, indent=2))
    else:
        columns = [
            Column("wrapping key", "wrapping_key_id", list(rows)),
            Column("keys", "keys", [str(keys) for keys, _ in rows.values()], is_number=True),
            Column("in use", "in_use", ["yes" if current else "" for current in is_current]),
            Column("missing", "missing", ["" if there else "yes" for _, there in rows.values()]),
        ]
        print_columns(columns, as_csv=as_csv, at_least=3)
        typer.echo(f"destroyed: keys of {found.destroyed:,} people", err=as_csv)
        typer.echo(
            f"in use since {_day(found.used_since)}, to be replaced on {_day(found.rotation_due)}"
            f"{': overdue, see `weir keys new`' if is_overdue else ''}",
            err=as_csv,
        )
    if is_overdue or not all(available for _, available in rows.values()):
        raise typer.Exit(1)


@app.command()
def rewrap(as_json: AsJson = False) -> None:
    """Wrap every key anew with the wrapping key in use, now; privacy does it every day at 04:45 UTC."""
    run_job("privacy.rewrap_keys", due="", wait=True, as_json=as_json)


def _day(moment: Timestamp) -> str:
    return f"{moment.ToDatetime(UTC):%Y-%m-%d}"
