"""`weir subject status` and `cancel`: how far requests of people have come."""

from typing import Annotated

import typer
from weir.privacy.v1 import subject_request_service_pb2 as pb

from cli.commands.subject_requests import request_calls, show, show_all
from cli.options import AppId, AsCsv, AsJson, check_format
from libs.rpc.channels import pages


def status(
    app_id: AppId,
    subject_id: Annotated[
        str, typer.Option("--subject", help="All requests about this person.")
    ] = "",
    request_id: Annotated[
        str, typer.Option("--request-id", metavar="UUID", help="This request.")
    ] = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how far requests about people have come: one, those about a person, or all."""
    check_format(as_json=as_json, as_csv=as_csv)
    with request_calls(app_id) as calls:
        if request_id:
            wanted = pb.GetRequestRequest(app_id=app_id, request_id=request_id)
            found = [calls.GetRequest(wanted).request]
        else:
            asked = pb.ListRequestsRequest(app_id=app_id, subject_id=subject_id)
            found = [each for page in pages(calls.ListRequests, asked) for each in page.requests]
    if request_id and not as_csv:
        show(found[0], as_json=as_json)
    else:
        show_all(found, as_json=as_json, as_csv=as_csv)


def cancel(
    app_id: AppId,
    request_id: Annotated[str, typer.Option("--request-id", metavar="UUID", help="The request.")],
    as_json: AsJson = False,
) -> None:
    """Cancel a request that has not begun."""
    with request_calls(app_id) as calls:
        wanted = pb.CancelRequestRequest(app_id=app_id, request_id=request_id)
        show(calls.CancelRequest(wanted).request, as_json=as_json)
