"""Catalogs: the one file per app that declares its events and all that follows from them.

Pure: no gRPC, no SQL, no Redis, no clock. `docs/catalog.md` describes the format.
"""

from libs.catalog.collection import Collection, PersonalData
from libs.catalog.compile_catalog import compile_catalog
from libs.catalog.enrichment import (
    ENRICHED_FIELDS,
    ENRICHED_SOURCES,
    ENRICHMENT_STEPS,
    EnrichedField,
    FieldKind,
)
from libs.catalog.envelope import EnvelopeError, context_in_properties, to_envelope
from libs.catalog.fields import FieldNames
from libs.catalog.folder import FolderMarks, folder_marks
from libs.catalog.holder import Catalogs
from libs.catalog.kept import kept_names
from libs.catalog.limits import CUT_MARK, Limits, LongerDimension, cut_text
from libs.catalog.load import load_catalog, load_catalogs, load_snapshot
from libs.catalog.metric import (
    COUNTABLE_KINDS,
    NUMERIC_KINDS,
    Condition,
    Conditions,
    Metric,
    MetricKind,
)
from libs.catalog.metric_model import (
    Component,
    ComponentKind,
    ConfidenceRule,
    NamedKind,
    NamedMetric,
    Term,
    Threshold,
)
from libs.catalog.model import (
    Catalog,
    CatchUp,
    Category,
    ClockPolicy,
    CohortTable,
    Dimension,
    Environment,
    EventChoice,
    EventType,
    Gauge,
    Ground,
    Minors,
    Pii,
    Producer,
    Purpose,
    Rollup,
    StoringJob,
    Subjectless,
    WhenDenied,
)
from libs.catalog.period import PARTS_OF, Period
from libs.catalog.problems import CatalogError, Problem
from libs.catalog.retention import RETENTION_CLASSES, retention_class, tighten
from libs.catalog.schema import EventVersion, Violation
from libs.catalog.snapshot import Snapshot
from libs.catalog.source import Source, SourceKind, parse_source

__all__ = [
    "COUNTABLE_KINDS",
    "CUT_MARK",
    "ENRICHED_FIELDS",
    "ENRICHED_SOURCES",
    "ENRICHMENT_STEPS",
    "NUMERIC_KINDS",
    "PARTS_OF",
    "RETENTION_CLASSES",
    "Catalog",
    "CatalogError",
    "Catalogs",
    "CatchUp",
    "Category",
    "ClockPolicy",
    "CohortTable",
    "Collection",
    "Component",
    "ComponentKind",
    "Condition",
    "Conditions",
    "ConfidenceRule",
    "Dimension",
    "EnrichedField",
    "EnvelopeError",
    "Environment",
    "EventChoice",
    "EventType",
    "EventVersion",
    "FieldKind",
    "FieldNames",
    "FolderMarks",
    "Gauge",
    "Ground",
    "Limits",
    "LongerDimension",
    "Metric",
    "MetricKind",
    "Minors",
    "NamedKind",
    "NamedMetric",
    "Period",
    "PersonalData",
    "Pii",
    "Problem",
    "Producer",
    "Purpose",
    "Rollup",
    "Snapshot",
    "Source",
    "SourceKind",
    "StoringJob",
    "Subjectless",
    "Term",
    "Threshold",
    "Violation",
    "WhenDenied",
    "compile_catalog",
    "context_in_properties",
    "cut_text",
    "folder_marks",
    "kept_names",
    "load_catalog",
    "load_catalogs",
    "load_snapshot",
    "parse_source",
    "retention_class",
    "tighten",
    "to_envelope",
]
