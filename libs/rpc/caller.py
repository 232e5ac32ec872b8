"""Who calls, as the audit trail has it."""

import re

import grpc

from libs.audit import Caller
from libs.rpc.principal import current_principal
from libs.runtime.telemetry import call_traceparent

_LONGEST_REQUEST_ID = 128
# No blanks and no `@`: ids, and no names or addresses.
_REQUEST_ID = re.compile(rf"[\w.:/+=-]{{1,{_LONGEST_REQUEST_ID}}}", re.ASCII).fullmatch
_TRACE_ID = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def caller_of(context: grpc.aio.ServicerContext) -> Caller:
    """The caller of the RPC that runs now. What its metadata say is kept only in the form that it should
    have: an `x-request-id` of up to 128 letters, digits and `._:/+=-`, a W3C `traceparent`."""
    metadata = context.invocation_metadata() or ()
    request_id = next((value for key, value in metadata if key == "x-request-id"), "")
    trace = _TRACE_ID(call_traceparent(metadata))
    return Caller(
        current_principal().name,
        request_id if isinstance(request_id, str) and _REQUEST_ID(request_id) else "",
        trace[1] if trace else "",
    )
