import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.aggregate.v1 import aggregate_service_pb2 as _aggregate_service_pb2
from weir.aggregate.v1 import reliability_pb2 as _reliability_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CatchUp(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CATCH_UP_UNSPECIFIED: _ClassVar[CatchUp]
    CATCH_UP_NEWEST: _ClassVar[CatchUp]
    CATCH_UP_EACH: _ClassVar[CatchUp]

class JobTrigger(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_TRIGGER_UNSPECIFIED: _ClassVar[JobTrigger]
    JOB_TRIGGER_SCHEDULE: _ClassVar[JobTrigger]
    JOB_TRIGGER_MANUAL: _ClassVar[JobTrigger]

class JobOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_OUTCOME_UNSPECIFIED: _ClassVar[JobOutcome]
    JOB_OUTCOME_REQUESTED: _ClassVar[JobOutcome]
    JOB_OUTCOME_RUNNING: _ClassVar[JobOutcome]
    JOB_OUTCOME_SUCCEEDED: _ClassVar[JobOutcome]
    JOB_OUTCOME_FAILED: _ClassVar[JobOutcome]
    JOB_OUTCOME_ABANDONED: _ClassVar[JobOutcome]
    JOB_OUTCOME_STOPPED: _ClassVar[JobOutcome]
CATCH_UP_UNSPECIFIED: CatchUp
CATCH_UP_NEWEST: CatchUp
CATCH_UP_EACH: CatchUp
JOB_TRIGGER_UNSPECIFIED: JobTrigger
JOB_TRIGGER_SCHEDULE: JobTrigger
JOB_TRIGGER_MANUAL: JobTrigger
JOB_OUTCOME_UNSPECIFIED: JobOutcome
JOB_OUTCOME_REQUESTED: JobOutcome
JOB_OUTCOME_RUNNING: JobOutcome
JOB_OUTCOME_SUCCEEDED: JobOutcome
JOB_OUTCOME_FAILED: JobOutcome
JOB_OUTCOME_ABANDONED: JobOutcome
JOB_OUTCOME_STOPPED: JobOutcome

class Job(_message.Message):
    __slots__ = ("name", "app_id", "description", "schedule", "catch_up", "next_due_at", "newest_run")
    NAME_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    CATCH_UP_FIELD_NUMBER: _ClassVar[int]
    NEXT_DUE_AT_FIELD_NUMBER: _ClassVar[int]
    NEWEST_RUN_FIELD_NUMBER: _ClassVar[int]
    name: str
    app_id: str
    description: str
    schedule: str
    catch_up: CatchUp
    next_due_at: _timestamp_pb2.Timestamp
    newest_run: JobRun
    def __init__(self, name: _Optional[str] = ..., app_id: _Optional[str] = ..., description: _Optional[str] = ..., schedule: _Optional[str] = ..., catch_up: _Optional[_Union[CatchUp, str]] = ..., next_due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., newest_run: _Optional[_Union[JobRun, _Mapping]] = ...) -> None: ...

class JobRun(_message.Message):
    __slots__ = ("run_id", "job", "trigger", "due_at", "started_at", "finished_at", "outcome", "counts", "error_type", "error_message", "runner")
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_TYPE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RUNNER_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    job: str
    trigger: JobTrigger
    due_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    outcome: JobOutcome
    counts: _containers.ScalarMap[str, int]
    error_type: str
    error_message: str
    runner: str
    def __init__(self, run_id: _Optional[str] = ..., job: _Optional[str] = ..., trigger: _Optional[_Union[JobTrigger, str]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[_Union[JobOutcome, str]] = ..., counts: _Optional[_Mapping[str, int]] = ..., error_type: _Optional[str] = ..., error_message: _Optional[str] = ..., runner: _Optional[str] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("app_id", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RunJobRequest(_message.Message):
    __slots__ = ("app_id", "job", "due_at")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    job: str
    due_at: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., job: _Optional[str] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RunJobResponse(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class ListJobRunsRequest(_message.Message):
    __slots__ = ("app_id", "job", "run_id", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    job: str
    run_id: str
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., job: _Optional[str] = ..., run_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[JobRun]
    next_page_token: str
    def __init__(self, runs: _Optional[_Iterable[_Union[JobRun, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetJobResultRequest(_message.Message):
    __slots__ = ("app_id", "job", "period", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    job: str
    period: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., job: _Optional[str] = ..., period: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetJobResultResponse(_message.Message):
    __slots__ = ("period_start", "period_end", "cells", "total_cells", "revision", "reliability", "next_page_token", "is_outdated")
    PERIOD_START_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_CELLS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    IS_OUTDATED_FIELD_NUMBER: _ClassVar[int]
    period_start: _timestamp_pb2.Timestamp
    period_end: _timestamp_pb2.Timestamp
    cells: _containers.RepeatedCompositeFieldContainer[ResultCell]
    total_cells: int
    revision: int
    reliability: _reliability_pb2.Reliability
    next_page_token: str
    is_outdated: bool
    def __init__(self, period_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cells: _Optional[_Iterable[_Union[ResultCell, _Mapping]]] = ..., total_cells: _Optional[int] = ..., revision: _Optional[int] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ..., next_page_token: _Optional[str] = ..., is_outdated: _Optional[bool] = ...) -> None: ...

class ResultCell(_message.Message):
    __slots__ = ("rollup", "cell")
    ROLLUP_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    rollup: str
    cell: _aggregate_service_pb2.Cell
    def __init__(self, rollup: _Optional[str] = ..., cell: _Optional[_Union[_aggregate_service_pb2.Cell, _Mapping]] = ...) -> None: ...

class VerifyJobResultsRequest(_message.Message):
    __slots__ = ("app_id", "jobs", "to")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    jobs: _containers.RepeatedScalarFieldContainer[str]
    to: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., jobs: _Optional[_Iterable[str]] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class VerifyJobResultsResponse(_message.Message):
    __slots__ = ("difference", "summary")
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    difference: ResultDifference
    summary: ResultsSummary
    def __init__(self, difference: _Optional[_Union[ResultDifference, _Mapping]] = ..., summary: _Optional[_Union[ResultsSummary, _Mapping]] = ...) -> None: ...

class ResultDifference(_message.Message):
    __slots__ = ("job", "period_start", "rollup", "bucket_start", "dimensions", "metric", "stored", "computed")
    JOB_FIELD_NUMBER: _ClassVar[int]
    PERIOD_START_FIELD_NUMBER: _ClassVar[int]
    ROLLUP_FIELD_NUMBER: _ClassVar[int]
    BUCKET_START_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    COMPUTED_FIELD_NUMBER: _ClassVar[int]
    job: str
    period_start: _timestamp_pb2.Timestamp
    rollup: str
    bucket_start: _timestamp_pb2.Timestamp
    dimensions: _struct_pb2.Struct
    metric: str
    stored: float
    computed: float
    def __init__(self, job: _Optional[str] = ..., period_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rollup: _Optional[str] = ..., bucket_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., metric: _Optional[str] = ..., stored: _Optional[float] = ..., computed: _Optional[float] = ...) -> None: ...

class ResultsSummary(_message.Message):
    __slots__ = ("results_compared", "results_different", "values_compared", "values_different", "results_outdated", "results_sealed")
    RESULTS_COMPARED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_DIFFERENT_FIELD_NUMBER: _ClassVar[int]
    VALUES_COMPARED_FIELD_NUMBER: _ClassVar[int]
    VALUES_DIFFERENT_FIELD_NUMBER: _ClassVar[int]
    RESULTS_OUTDATED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_SEALED_FIELD_NUMBER: _ClassVar[int]
    results_compared: int
    results_different: int
    values_compared: int
    values_different: int
    results_outdated: int
    results_sealed: int
    def __init__(self, results_compared: _Optional[int] = ..., results_different: _Optional[int] = ..., values_compared: _Optional[int] = ..., values_different: _Optional[int] = ..., results_outdated: _Optional[int] = ..., results_sealed: _Optional[int] = ...) -> None: ...
