"""Metrics as rows of a result: a row for each period and group, with all metrics that the job names. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson

from libs.catalog import ConfidenceRule
from services.aggregate.named_metrics.confidence import confidence
from services.aggregate.named_metrics.model import Answer
from services.aggregate.results.model import ResultCell


class MetricRows:
    """Collects the values of a job's metrics; `kind` is METRICS or PEOPLE."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._rows: dict[tuple[datetime, str], dict[str, float]] = {}

    def add(
        self,
        name: str,
        bucket: datetime,
        dimensions: Mapping[str, Any],
        answer: Answer,
        rule: ConfidenceRule,
    ) -> None:
        """A metric's number: its value under its name, and beneath it what it is made of. Without a value
        there are only the parts."""
        key = orjson.dumps(dimensions, option=orjson.OPT_SORT_KEYS).decode()
        row = self._rows.setdefault((bucket, key), {})
        row |= {f"{name}.{part}": value for part, value in answer.breakdown.items()}
        row[f"{name}.data_points"] = float(answer.data_points)
        row[f"{name}.confidence"] = float(confidence(rule, answer))
        if answer.value is not None:
            row[name] = answer.value

    def cells(self) -> Iterable[ResultCell]:
        """All rows. The same rows have the same ids in each run."""
        for (bucket, key), values in self._rows.items():
            yield ResultCell(self._kind, bucket, _row_id(bucket, key), orjson.loads(key), values)


def _row_id(bucket: datetime, dimensions: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"{bucket.isoformat()} {dimensions}")
