"""The catalog's words for values of dimensions, in answers and at the terminal."""

import csv
import json
from pathlib import Path

from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_query_command import run
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP


async def test_names_are_answered_beside_the_values_and_shown_in_their_place(
    stores: Stores, aggregate: Aggregate, home: Path
) -> None:
    stores.send(entry(*(event(properties={"mode": mode}) for mode in ("duel", "other", 5, None))))
    await stores.until_drained()
    request = pb.QueryRollupRequest(app_id=APP, rollup="matches")
    answer = await aggregate.stub.QueryRollup(request, timeout=60)
    # Those of the rollup's dimensions, and not of `name`.
    labels = {
        "mode": {
            "values": {
                "duel": {"name": "One on one", "type": "Small"},
                "raid": {"name": "All together"},
            }
        }
    }
    assert json_format.MessageToDict(answer)["labels"] == labels
    modes = [json_format.MessageToDict(cell.dimensions)["mode"] for cell in answer.cells]
    assert sorted(map(str, modes)) == ["5.0", "None", "duel", "other"]
    command = ("rollup", "--app", APP, "--rollup", "matches", "--labels")
    rows = csv.DictReader((await run(*command, "--csv")).stdout.splitlines())
    assert sorted(row["mode"] for row in rows) == ["", "5", "One on one", "other"]
    shown = json.loads((await run(*command, "--json")).stdout)
    assert shown["labels"] == labels
    assert "duel" in [cell["dimensions"]["mode"] for cell in shown["cells"]]
