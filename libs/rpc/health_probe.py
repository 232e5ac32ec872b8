"""Asks a gRPC server whether it serves."""

_TIMEOUT_SECONDS = 2.0


def is_serving(address: str, name: str = "") -> bool:
    """Whether a gRPC server at `host:port` reports the health name SERVING: the full name of a gRPC
    service, which depends on its stores, or empty for the process alone."""
    # Imported here: commands that may have no server to ask need not wait for gRPC.
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    from libs.rpc.channels import open_channel

    with open_channel(address, retry=False) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=name), timeout=_TIMEOUT_SECONDS
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
