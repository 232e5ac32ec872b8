"""What a catalog may count by of what enrich found out is what enrich hands on."""

from weir.enrich.v1 import enrich_service_pb2
from weir.streams.v1 import batch_pb2

from libs.catalog.source import ENRICHED_FIELDS
from services.enrich.tables import events


def test_every_finding_is_handed_on_stored_shown_and_counted_by() -> None:
    handed_on = set(batch_pb2.Enrichment.DESCRIPTOR.fields_by_name)
    assert handed_on == set(ENRICHED_FIELDS)
    assert handed_on == set(enrich_service_pb2.PreviewEnrichmentResponse.DESCRIPTOR.fields_by_name)
    assert handed_on <= set(events.columns.keys())
