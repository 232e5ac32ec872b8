"""The anonymizer of replayed events, of which a dead letter has hashed some values already."""

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog
from libs.common.pseudonym import is_pseudonym
from services.ingest.intake.anonymization import Anonymizer


class ReplayedAnonymizer(Anonymizer):
    """Leaves what was hashed when the event came first: hashed again, it would lead to none of the person's
    other events. A value that an app wants hashed, and that looks like a hash, is taken for one."""

    def anonymous_id(self, app_id: str, anonymous_id: str) -> str:
        """A dead letter never has it as it was sent."""
        if is_pseudonym(anonymous_id):
            return anonymous_id
        return super().anonymous_id(app_id, anonymous_id)

    def replace_session(self, catalog: Catalog, event: Event) -> None:
        """See `Anonymizer`."""
        if not (catalog.collection.hashes_sessions and is_pseudonym(event.session_id)):
            super().replace_session(catalog, event)

    def named_hash(self, app_id: str, text: str) -> str:
        """See `Anonymizer`."""
        return text if is_pseudonym(text) else super().named_hash(app_id, text)
