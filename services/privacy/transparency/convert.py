"""A description as a message."""

from weir.privacy.v1 import privacy_service_pb2 as pb

from services.privacy.transparency.markdown import markdown
from services.privacy.transparency.processing import CategoryUse, Description, PurposeUse


def description_message(found: Description, catalog_version: str) -> pb.DescribeProcessingResponse:
    """All of it, with its Markdown."""
    return pb.DescribeProcessingResponse(
        title=found.title,
        catalog_version=catalog_version,
        processing=map(_processing, found.purposes),
        rules=found.rules,
        markdown=markdown(found),
    )


def _processing(found: PurposeUse) -> pb.Processing:
    return pb.Processing(
        purpose=found.name,
        description=found.description,
        legal_ground=found.legal_ground,
        granted_by_default=found.granted_by_default,
        when_denied=found.when_denied,
        grant_days=found.grant_days,
        categories=map(_category, found.categories),
    )


def _category(found: CategoryUse) -> pb.ProcessedCategory:
    return pb.ProcessedCategory(
        name=found.name,
        description=found.description,
        legal_ground=found.legal_ground,
        identity=found.identity,
        anonymized_after_days=found.anonymized_after_days,
        numbers_kept_days=found.numbers_kept_days,
        events=[
            pb.ProcessedEvent(
                name=event.name,
                description=event.description,
                properties=[
                    pb.ProcessedProperty(
                        name=each.name, description=each.description, personal=each.personal
                    )
                    for each in event.properties
                ],
                kept_days=event.kept_days,
            )
            for event in found.events
        ],
    )
