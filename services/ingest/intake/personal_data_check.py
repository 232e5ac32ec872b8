"""What becomes of events with personal data in places that their catalog does not mark."""

from collections import Counter
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

from weir.common.v1 import event_pb2
from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, PersonalData
from libs.common.event_properties import PropertiesError
from libs.common.exact_json import exact_dumps
from libs.common.personal_data import WORDS, Cleaning, is_suspect
from services.ingest import metrics
from services.ingest.intake.context_extra import rewrite_extra
from services.ingest.intake.model import Candidate, Outcome, Rejection, Verdict
from services.ingest.intake.properties import parse_properties

# Texts of context and attribution that may be anything; versions and the user agent are no place for people.
_URLS = ("page_url", "referrer")
_CONTEXT_WORDS = ("platform", "device_type", "locale", "timezone", "assignment_id", "sequence_id", "class_id",
                  "teacher_id")  # fmt: skip
_PARTS: dict[str, tuple[str, ...]] = {
    "context": (*_URLS, *_CONTEXT_WORDS),
    "attribution": ("source", "medium", "campaign", "term", "content"),
}
_urls_of = attrgetter(*_URLS)
_words_of = attrgetter(*_CONTEXT_WORDS)
_attribution_of = attrgetter(*_PARTS["attribution"])
_MILD = (event_pb2.PRIVACY_LEVEL_UNSPECIFIED, event_pb2.PRIVACY_LEVEL_STANDARD)


def check_personal_data(
    catalog: Catalog, action: PersonalData, candidate: Candidate, outcome: Outcome
) -> Candidate | Rejection:
    """The event as it may be stored, or why it is rejected: `action` is what the catalog says of such an
    event. Most events cost a search for a few characters in their bytes."""
    event = candidate.event
    suspect = is_suspect(event.properties_json) or b"\\" in event.properties_json
    around = _has_suspect_parts(event)
    if not suspect and not around:
        return candidate
    version = candidate.version
    known = {catalog.subject_name, *version.pii_properties, *version.subject_properties}
    cleaning = Cleaning(known)
    properties = cleaning.clean_properties(candidate.properties) if suspect else None
    in_properties = len(cleaning.found)
    if around:
        _clean_parts(event, cleaning, change=action is PersonalData.REDACT)
    if not cleaning.found:
        return candidate
    for kind, number in Counter(kind for _, kind in cleaning.found).items():
        metrics.PERSONAL_DATA.labels(catalog.app_id, kind).inc(number)
    match action:
        case PersonalData.REFUSE:
            path, kind = cleaning.found[0]
            # Another name may be personal data itself.
            field = version.field(path[1]) if path[0] == "properties" else ".".join(path[:2])
            reason = "PROPERTIES_INVALID" if path[0] == "properties" else "FIELD_INVALID"
            return Rejection(reason, field, f"contains {WORDS[kind]}")
        case PersonalData.FLAG:
            if candidate.privacy_level in _MILD:
                event.privacy_level = event_pb2.PRIVACY_LEVEL_SENSITIVE
            return candidate._replace(privacy_level=event.privacy_level)
    outcome.verdicts[candidate.position] = Verdict.ANONYMIZED
    if not in_properties or properties is None:
        return candidate
    event.properties_json = raw = exact_dumps(properties)
    return candidate._replace(properties=properties, properties_json=raw)


def clean_rejected(event: Event, properties: dict[str, Any], known: Collection[str]) -> bool:
    """Removes personal data from a rejected event, whose dead letter is stored as well. `known` are the
    properties that may have it. Returns whether the properties had any."""
    cleaning = Cleaning(known)
    cleaned = cleaning.clean_properties(properties)
    in_properties = bool(cleaning.found)
    if in_properties:
        event.properties_json = exact_dumps(cleaned)
    _clean_parts(event, cleaning, change=True)
    return in_properties


def flag_rejected(event: Event, known: Collection[str]) -> None:
    """Marks a rejected event with personal data, or with properties that cannot be searched, as sensitive:
    its dead letter is kept for no longer than the event would be."""
    if event.privacy_level not in _MILD:
        return
    cleaning = Cleaning(known)
    is_readable = True
    try:
        properties, _ = parse_properties(event)
    except PropertiesError:
        is_readable = False
    else:
        cleaning.clean_properties(properties)
    _clean_parts(event, cleaning, change=False)
    if cleaning.found or not is_readable:
        event.privacy_level = event_pb2.PRIVACY_LEVEL_SENSITIVE


def _has_suspect_parts(event: Event) -> bool:
    """Whether context or attribution may hold something."""
    return (event.HasField("context") and _is_suspect_context(event.context)) or (
        event.HasField("attribution") and not _harmless.has_all(_attribution_of(event.attribution))
    )


def _is_suspect_context(context: event_pb2.Context) -> bool:
    return (
        not _harmless.has_all(_words_of(context))
        or any(url and is_suspect(url.encode()) for url in _urls_of(context))
        or (context.HasField("extra") and is_suspect(context.extra.SerializeToString()))
    )


class _HarmlessTexts:
    """Remembers texts in which there is nothing suspect. Most events have the words of an event before."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def has_all(self, texts: Sequence[str]) -> bool:
        """Whether there is nothing suspect in any of them."""
        known = self._known
        if known.issuperset(texts):
            return True
        if any(is_suspect(text.encode()) for text in texts):
            return False
        if len(known) > self._most:
            known.clear()
        known.update(texts)
        return True


# Of at most a few hundred bytes each.
_harmless = _HarmlessTexts(most=8_192)


def _clean_parts(event: Event, cleaning: Cleaning, *, change: bool) -> None:
    """Looks at context and attribution, and with `change` removes what is found."""
    for part, fields in _PARTS.items():
        if not event.HasField(part):
            continue
        message = getattr(event, part)
        for field in fields:
            text = getattr(message, field)
            cleaned = cleaning.clean_text(text, field, (part, field)) if text else ""
            if change and cleaned != text:
                setattr(message, field, cleaned)

    def cleaned_extra(extra: dict[str, Any]) -> Any:
        without = cleaning.clean(extra, "", ("context", "extra"))
        return without if change else extra

    rewrite_extra(event, cleaned_extra)
