"""What operators and people with grpcurl expect of each service: health, reflection, channelz."""

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from suite.supervisor import Suite
from tests.support.suite_calls import SuiteCalls, suite_calls

pytestmark = pytest.mark.xdist_group("suite")
SERVICES = {
    "ingest": "weir.ingest.v1.IngestService",
    "enrich": "weir.enrich.v1.EnrichService",
    "aggregate": "weir.aggregate.v1.AggregateService",
    "privacy": "weir.privacy.v1.PrivacyService",
}
_RETENTION = "weir.privacy.v1.RetentionTargetService"
_PEOPLE = "weir.privacy.v1.SubjectDataService"
BESIDE = {
    "ingest": {_RETENTION, _PEOPLE, "weir.ingest.v1.DeadLetterService"},
    "enrich": {_RETENTION, _PEOPLE},
    "aggregate": {_RETENTION, _PEOPLE, "weir.aggregate.v1.JobService"},
    "privacy": {
        "weir.privacy.v1.AuditService",
        "weir.privacy.v1.RetentionService",
        "weir.privacy.v1.SubjectKeyService",
        "weir.privacy.v1.SubjectRequestService",
    },
}


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


@pytest.mark.parametrize(("service", "full_name"), SERVICES.items())
def test_health_is_told_by_service_name(calls: SuiteCalls, service: str, full_name: str) -> None:
    stub = health_pb2_grpc.HealthStub(calls.channel(service))
    for name in ("", full_name):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=30)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as rejection:
        stub.Check(health_pb2.HealthCheckRequest(service="weir.unknown"), timeout=30)
    assert rejection.value.code() is grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=full_name), timeout=30)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize(("service", "full_name"), SERVICES.items())
def test_reflection_lists_and_describes(
    calls: SuiteCalls, service: str, full_name: str, version: str
) -> None:
    ask = calls.channel(service).stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    reflection_name = f"grpc.reflection.{version}.ServerReflection"
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=full_name),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=reflection_name),
    ]
    listed, described, itself = ask(iter(requests), timeout=30)
    assert {entry.name for entry in listed.list_services_response.service} == {
        full_name,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    } | BESIDE[service]
    assert described.file_descriptor_response.file_descriptor_proto
    [file] = map(
        descriptor_pb2.FileDescriptorProto.FromString,
        itself.file_descriptor_response.file_descriptor_proto,
    )
    # By hand, from the published protos: v1 differs from v1alpha in its package alone.
    assert file.package == f"grpc.reflection.{version}"
    fields = {field.name: field.number for field in file.message_type[0].field}
    assert fields == {
        "host": 1,
        "file_by_filename": 3,
        "file_containing_symbol": 4,
        "file_containing_extension": 5,
        "all_extension_numbers_of_type": 6,
        "list_services": 7,
    }
    [method] = file.service[0].method
    assert method.input_type == f".grpc.reflection.{version}.ServerReflectionRequest"
    assert method.output_type == f".grpc.reflection.{version}.ServerReflectionResponse"


@pytest.mark.parametrize("service", SERVICES)
def test_channelz_answers(calls: SuiteCalls, service: str) -> None:
    stub = channelz_pb2_grpc.ChannelzStub(calls.channel(service))
    answer = stub.GetServers(channelz_pb2.GetServersRequest(), timeout=30)
    assert len(answer.server) == 1
    assert answer.server[0].data.calls_started > 0
