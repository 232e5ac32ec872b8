"""The servicer: a message in, a domain call, a message out."""

from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["SubjectRequestService"].full_name


class SubjectRequestServicer(subject_request_service_pb2_grpc.SubjectRequestServiceServicer):
    """`weir.privacy.v1.SubjectRequestService`. Calls that are not here are UNIMPLEMENTED."""
