"""The permission table: what each RPC of all services needs. An RPC that is not in it is denied to everyone.

New RPCs get a line here. `app` is the path of the field that names the app in the request, so that callers
which may see some apps only are kept from the others before any code of the service runs.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Permission(StrEnum):
    """What a caller may be allowed to do."""

    READ_HEALTH = "health.read"
    # Reflection and channelz: they show what there is to attack, and the addresses of callers.
    INSPECT_SERVER = "server.inspect"
    SEND_EVENTS = "events.send"
    # Without what they hold of events; for that, READ_EVENTS is asked for by the servicer.
    READ_DEAD_LETTERS = "dead_letters.read"
    REPLAY_DEAD_LETTERS = "dead_letters.replay"
    PREVIEW_ENRICHMENT = "enrichment.preview"
    READ_NUMBERS = "numbers.read"
    # Asked for by servicers themselves, of requests that are about a single person.
    READ_PERSONAL_NUMBERS = "numbers.person"
    # Recounting reads all stored events.
    REBUILD_ROLLUPS = "rollups.rebuild"
    READ_EVENTS = "events.read"
    # Values of sealed properties, for a purpose; asked for by servicers themselves.
    OPEN_SEALED = "events.open_sealed"
    # Those of one person, to be shown to that person.
    READ_OWN_EVENTS = "events.own"
    # Without what identifies a person; for the rest, READ_EVENTS is asked for by the servicer.
    EXPORT_EVENTS = "events.export"
    CHECK_CONSENT = "consent.check"
    RECORD_CONSENT = "consent.record"
    READ_CONSENT_HISTORY = "consent.history"
    READ_AUDIT = "audit.read"
    WATCH_CONSENT = "consent.watch"
    # What catalogs say is done with people's data: nothing of any person.
    READ_PROCESSING = "processing.read"
    READ_JOBS = "jobs.read"
    RUN_JOBS = "jobs.run"
    READ_RETENTION = "retention.read"
    READ_SUBJECT_REQUESTS = "subjects.read"
    EXPORT_SUBJECTS = "subjects.export"
    ERASE_SUBJECTS = "subjects.erase"
    HOLD_SUBJECTS = "subjects.hold"
    RESTRICT_SUBJECTS = "subjects.restrict"
    RECTIFY_SUBJECTS = "subjects.rectify"
    # For the suite alone: requests about people are carried out by it.
    PROCESS_SUBJECTS = "subjects.process"
    RUN_RETENTION = "retention.run"
    # The keys of people, with which services seal and open: for services only.
    USE_KEYS = "keys.use"
    READ_KEY_STATUS = "keys.status"


class Rule(NamedTuple):
    """What one RPC needs. `app` is None only for an RPC that is about no app."""

    permission: Permission
    app: str | None


_HEALTH = Rule(Permission.READ_HEALTH, None)
_INSPECTION = Rule(Permission.INSPECT_SERVER, None)
_NUMBERS = Rule(Permission.READ_NUMBERS, "app_id")
_EVENTS = Rule(Permission.READ_EVENTS, "app_id")
_REQUESTS = Rule(Permission.READ_SUBJECT_REQUESTS, "app_id")
_HOLDS = Rule(Permission.HOLD_SUBJECTS, "app_id")
_RESTRICTS = Rule(Permission.RESTRICT_SUBJECTS, "app_id")
_PROCESSING = Rule(Permission.PROCESS_SUBJECTS, "app_id")
_RETENTION = Rule(Permission.READ_RETENTION, "app_id")
_RETENTION_RUNS = Rule(Permission.RUN_RETENTION, "app_id")

# By the full name of the RPC, as gRPC has it in the path of a call.
RULES: Mapping[str, Rule] = {
    "/weir.ingest.v1.IngestService/StreamEvents": Rule(Permission.SEND_EVENTS, "settings.app_id"),
    "/weir.ingest.v1.IngestService/TrackEvent": Rule(Permission.SEND_EVENTS, "app_id"),
    "/weir.ingest.v1.IngestService/TrackBatch": Rule(Permission.SEND_EVENTS, "app_id"),
    "/weir.ingest.v1.DeadLetterService/ListDeadLetters": Rule(
        Permission.READ_DEAD_LETTERS, "app_id"
    ),
    "/weir.ingest.v1.DeadLetterService/ReplayDeadLetters": Rule(
        Permission.REPLAY_DEAD_LETTERS, "app_id"
    ),
    "/weir.ingest.v1.DeadLetterService/CancelReplay": Rule(
        Permission.REPLAY_DEAD_LETTERS, "app_id"
    ),
    "/weir.enrich.v1.EnrichService/PreviewEnrichment": Rule(
        Permission.PREVIEW_ENRICHMENT, "app_id"
    ),
    "/weir.aggregate.v1.AggregateService/QueryRollup": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/GetMetric": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/WatchRollups": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/QueryGauges": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/WatchGauges": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/QueryCohortRetention": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/QueryCohorts": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/QueryFunnel": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/QueryPaths": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/QuerySegments": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/VerifyRollups": Rule(Permission.REBUILD_ROLLUPS, "app_id"),
    "/weir.aggregate.v1.AggregateService/BackfillRollups": Rule(
        Permission.REBUILD_ROLLUPS, "app_id"
    ),
    "/weir.aggregate.v1.AggregateService/ListRollups": _NUMBERS,
    "/weir.aggregate.v1.AggregateService/ListEvents": _EVENTS,
    "/weir.aggregate.v1.AggregateService/ListOwnEvents": Rule(Permission.READ_OWN_EVENTS, "app_id"),
    # A caller that may see some apps only has to name one of them, and so gets no job of the suite.
    "/weir.aggregate.v1.JobService/ListJobs": Rule(Permission.READ_JOBS, "app_id"),
    "/weir.aggregate.v1.JobService/RunJob": Rule(Permission.RUN_JOBS, "app_id"),
    "/weir.aggregate.v1.JobService/ListJobRuns": Rule(Permission.READ_JOBS, "app_id"),
    "/weir.aggregate.v1.AggregateService/ExportEvents": Rule(Permission.EXPORT_EVENTS, "app_id"),
    "/weir.aggregate.v1.JobService/GetJobResult": _NUMBERS,
    "/weir.aggregate.v1.JobService/VerifyJobResults": Rule(Permission.REBUILD_ROLLUPS, "app_id"),
    "/weir.privacy.v1.PrivacyService/CheckConsent": Rule(Permission.CHECK_CONSENT, "app_id"),
    "/weir.privacy.v1.PrivacyService/BatchCheckConsent": Rule(Permission.CHECK_CONSENT, "app_id"),
    "/weir.privacy.v1.PrivacyService/RecordConsent": Rule(Permission.RECORD_CONSENT, "app_id"),
    "/weir.privacy.v1.PrivacyService/WatchConsent": Rule(Permission.WATCH_CONSENT, "app_id"),
    "/weir.privacy.v1.PrivacyService/GetConsentReceipt": Rule(
        Permission.READ_CONSENT_HISTORY, "app_id"
    ),
    "/weir.privacy.v1.PrivacyService/DescribeProcessing": Rule(
        Permission.READ_PROCESSING, "app_id"
    ),
    "/weir.privacy.v1.PrivacyService/VerifyReceipt": Rule(Permission.CHECK_CONSENT, "app_id"),
    "/weir.privacy.v1.PrivacyService/GetConsentHistory": Rule(
        Permission.READ_CONSENT_HISTORY, "app_id"
    ),
    "/weir.privacy.v1.AuditService/ListEntries": Rule(Permission.READ_AUDIT, "app_id"),
    "/weir.privacy.v1.AuditService/VerifyChain": Rule(Permission.READ_AUDIT, "app_id"),
    "/weir.privacy.v1.SubjectRequestService/CreateExport": Rule(
        Permission.EXPORT_SUBJECTS, "app_id"
    ),
    "/weir.privacy.v1.SubjectRequestService/CreateErasure": Rule(
        Permission.ERASE_SUBJECTS, "app_id"
    ),
    "/weir.privacy.v1.SubjectRequestService/CreateRectification": Rule(
        Permission.RECTIFY_SUBJECTS, "app_id"
    ),
    "/weir.privacy.v1.SubjectRequestService/GetRequest": _REQUESTS,
    "/weir.privacy.v1.SubjectRequestService/ListRequests": _REQUESTS,
    "/weir.privacy.v1.SubjectRequestService/CancelRequest": Rule(
        Permission.ERASE_SUBJECTS, "app_id"
    ),
    "/weir.privacy.v1.SubjectRequestService/DownloadExport": Rule(
        Permission.EXPORT_SUBJECTS, "app_id"
    ),
    "/weir.privacy.v1.SubjectRequestService/PlaceHold": _HOLDS,
    "/weir.privacy.v1.SubjectRequestService/RestrictProcessing": _RESTRICTS,
    "/weir.privacy.v1.SubjectRequestService/LiftRestriction": _RESTRICTS,
    "/weir.privacy.v1.SubjectRequestService/ListRestrictions": _REQUESTS,
    "/weir.privacy.v1.SubjectRequestService/ListRestrictedPeople": _PROCESSING,
    "/weir.privacy.v1.SubjectRequestService/ReleaseHold": _HOLDS,
    "/weir.privacy.v1.SubjectDataService/Fence": _PROCESSING,
    "/weir.privacy.v1.SubjectDataService/EraseSubject": _PROCESSING,
    "/weir.privacy.v1.SubjectDataService/ExportSubject": _PROCESSING,
    "/weir.privacy.v1.SubjectDataService/AwaitWriters": _PROCESSING,
    "/weir.privacy.v1.SubjectDataService/FindNeededKeys": _PROCESSING,
    "/weir.privacy.v1.SubjectDataService/RectifyEvent": _PROCESSING,
    "/weir.privacy.v1.SubjectDataService/FindRectification": _PROCESSING,
    "/weir.privacy.v1.SubjectDataService/RecountChanged": _PROCESSING,
    "/weir.privacy.v1.RetentionTargetService/ListOverdue": _RETENTION,
    "/weir.privacy.v1.RetentionTargetService/ListLimits": _RETENTION,
    "/weir.privacy.v1.RetentionTargetService/EndOverdue": _RETENTION_RUNS,
    # A caller that may see some apps only has to name one of them, and so cannot have a run.
    "/weir.privacy.v1.RetentionService/ListPolicies": _RETENTION,
    "/weir.privacy.v1.RetentionService/PreviewRun": _RETENTION,
    "/weir.privacy.v1.RetentionService/Run": _RETENTION_RUNS,
    "/weir.privacy.v1.RetentionService/ListRuns": _RETENTION,
    "/weir.privacy.v1.SubjectKeyService/GetSealingKeys": Rule(Permission.USE_KEYS, "app_id"),
    "/weir.privacy.v1.SubjectKeyService/GetOpeningKeys": Rule(Permission.USE_KEYS, "app_id"),
    "/weir.privacy.v1.SubjectKeyService/GetKeyStatus": Rule(Permission.READ_KEY_STATUS, "app_id"),
    "/grpc.health.v1.Health/Check": _HEALTH,
    "/grpc.health.v1.Health/List": _HEALTH,
    "/grpc.health.v1.Health/Watch": _HEALTH,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": _INSPECTION,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _INSPECTION,
    "/grpc.channelz.v1.Channelz/GetTopChannels": _INSPECTION,
    "/grpc.channelz.v1.Channelz/GetServers": _INSPECTION,
    "/grpc.channelz.v1.Channelz/GetServer": _INSPECTION,
    "/grpc.channelz.v1.Channelz/GetServerSockets": _INSPECTION,
    "/grpc.channelz.v1.Channelz/GetChannel": _INSPECTION,
    "/grpc.channelz.v1.Channelz/GetSubchannel": _INSPECTION,
    "/grpc.channelz.v1.Channelz/GetSocket": _INSPECTION,
}
