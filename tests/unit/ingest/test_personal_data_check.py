"""Events with personal data in places that the catalog does not mark: refused, redacted or flagged."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from weir.common.v1 import event_pb2

from demo.generator import generate_day
from libs.catalog import Catalog, CatalogError, to_envelope
from libs.common.personal_data import find
from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.documents.examples import EXAMPLES
from tests.support.documents.shipped import catalogs
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import COACHING, NO_TELEMETRY, Ingest, serialized

MAIL = "canary@mail.example"


def _catalog(action: str) -> Catalog:
    return chess(CHESS + f"collection: {{personal_data: {action}}}\n")


PLACES: dict[str, dict[str, Any]] = {
    "property": {"properties": {"note": f"ask {MAIL}"}},
    "nested": {"properties": {"a": [{"b": MAIL}]}},
    "name": {"properties": {"scores": {MAIL: 1}}},
    "own name": {"properties": {MAIL: 1}},
    "escaped": {"raw": b'{"moves":3,"note":"canary\\u0040mail.example"}'},
    "page": {"context": {"page_url": f"/invite?to={MAIL}"}},
    "extra": {"extra": {"a": {"b": [MAIL, 3]}}},
    "attribution": {"attribution": {"content": MAIL}},
}
FIELDS = {
    **dict.fromkeys(("property", "nested", "name", "own name", "escaped"), "properties.*"),
    "page": "context.page_url",
    "extra": "context.extra",
    "attribution": "attribution.content",
}


def _event(place: str = "", **more: Any) -> Any:
    fields = {**PLACES.get(place, {}), **more}
    extra, properties = fields.pop("extra", None), fields.pop("properties", {})
    raw = fields.pop("raw", None) or orjson.dumps({"moves": 3, **properties})
    event = event_of(**{"properties_json": raw, "subject_id": "ann", **fields})
    if extra is not None:
        event.context.extra.update(extra)
    return event


@pytest.mark.parametrize("place", PLACES)
async def test_a_refused_event_names_field_and_kind_and_keeps_nothing_of_it(place: str) -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("refuse"))
    assert (await ingest.take(_event(place))).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.field == FIELDS[place]
    assert letter.message == "contains an e-mail address"
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)
    assert letter.event.subject_id == "ann"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("producer", [0, 1])
async def test_a_redacted_event_is_stored_without_it(place: str, producer: int) -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("redact"))
    verdict = Verdict.REJECTED if producer else Verdict.ANONYMIZED
    assert (await ingest.take(_event(place, producer=producer))).verdicts == [verdict]
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)
    for stored in ingest.stored():
        assert stored.subject_id == "ann"
        assert b"[email]" in stored.SerializeToString()


@pytest.mark.parametrize("place", ["page", "extra", "attribution"])
@pytest.mark.parametrize("name", ["game.ended", "login.failed"])
async def test_the_letter_of_an_event_whose_properties_cannot_be_read_has_none_of_it(
    place: str, name: str
) -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("redact"))
    event = _event(place, raw=b'{"moves":', name=name)
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)


@pytest.mark.parametrize(
    ("level", "kept"),
    [(0, 2), (1, 2), (2, 2), (3, 3)],
    ids=["unsaid", "standard", "sensitive", "pii"],
)
@pytest.mark.parametrize("place", ["property", "page"])
async def test_the_letter_of_a_flagged_event_is_sensitive_as_well(
    place: str, level: int, kept: int
) -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("flag"))
    event = _event(place, producer=1, privacy_level=level)
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.event.privacy_level == kept
    if not level:
        await ingest.take(_event(producer=1, event_id="harmless"))
        assert ingest.letters()[-1].event.privacy_level == 0
        # What cannot be read cannot be searched, and stays as it was sent.
        await ingest.take(_event(name="login.failed", raw=b'{"a":', event_id="broken"))
        broken = ingest.letters()[-1].event
        assert (broken.privacy_level, broken.properties_json) == (2, b'{"a":')


async def test_words_that_were_harmless_before_hide_nothing() -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("refuse"))
    harmless, suspect = {"platform": "web", "class_id": "7b"}, {"platform": "web", "class_id": MAIL}
    contexts = (harmless, suspect, harmless, suspect)
    events = [_event(context=each, event_id=f"e{number}") for number, each in enumerate(contexts)]
    taken = [(await ingest.take(event)).verdicts for event in events]
    assert taken == [[Verdict.ACCEPTED], [Verdict.REJECTED]] * 2


async def test_a_redacted_event_keeps_the_rest() -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("redact"))
    await ingest.take(_event(properties={"note": f"{MAIL}!", "n": 1.5}, extra={"a": MAIL, "b": 2}))
    [stored] = ingest.stored()
    assert properties_of(stored) == {"moves": 3, "note": "[email]!", "n": 1.5}
    assert MessageToDict(stored.context.extra) == {"a": "[email]", "b": 2.0}


@pytest.mark.parametrize("state", [COACHING, NO_TELEMETRY])
async def test_what_is_redacted_stays_so_whatever_consent_says(state: bytes) -> None:
    ingest = Ingest({"ann": state}, catalog=_catalog("redact"))
    await ingest.take(_event("property"))
    [stored] = ingest.stored()
    assert properties_of(stored) == {"moves": 3, "note": "ask [email]"}


@pytest.mark.parametrize("level", [0, 1, 2, 3])
async def test_a_flagged_event_is_stored_as_sensitive_and_kept_for_less(level: int) -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("flag"))
    await ingest.take(_event("property", privacy_level=level))
    [stored] = ingest.stored()
    # One that is marked PII keeps nothing that is not declared.
    is_pii = level == event_pb2.PRIVACY_LEVEL_PII
    assert properties_of(stored).get("note") == (None if is_pii else f"ask {MAIL}")
    assert stored.privacy_level == max(level, event_pb2.PRIVACY_LEVEL_SENSITIVE)
    assert stored.retention_days == (7 if is_pii else 30)


@pytest.mark.parametrize("action", ["refuse", "redact", "flag"])
async def test_what_the_catalog_marks_may_have_it(action: str) -> None:
    ingest = Ingest({MAIL: COACHING}, catalog=_catalog(action))
    event = _event(subject_id=MAIL, properties={"email": MAIL})
    shared = _event(event_id="e2", name="game.shared", properties={"with": "a@b.example"})
    assert (await ingest.take(event, shared)).verdicts == [Verdict.ACCEPTED] * 2
    assert [stored.privacy_level for stored in ingest.stored()] == [0, 0]


async def test_properties_that_cannot_be_read_are_not_kept() -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("redact"))
    await ingest.take(_event(raw=b'{"note":"%s"' % MAIL.encode()))
    [letter] = ingest.letters()
    assert letter.event.properties_json == b"{}"


async def test_an_app_that_does_not_ask_keeps_all() -> None:
    ingest = Ingest({"ann": COACHING})
    assert (await ingest.take(_event("property"))).verdicts == [Verdict.ACCEPTED]


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a JSON value, and what it is called."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key, ""
            yield from _texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
    elif isinstance(value, str):
        yield value, name


def test_the_examples_of_the_documents_and_the_events_of_the_demo_have_none() -> None:
    """Where the catalogs do not mark it: demo people have addresses under `ip`."""
    known = {"ip", "user_agent"}
    envelopes = [to_envelope(catalogs()[app_id], document) for app_id, _, document in EXAMPLES]
    day = generate_day(1, 10_000, date(2026, 2, 28))
    envelopes += [{"properties": each.properties, "context": each.context} for each in day.events]
    looked_at = [
        (text, name)
        for envelope in envelopes
        for part in ("properties", "context")
        for text, name in _texts(envelope.get(part))
        if name not in known
    ]
    assert len(looked_at) > 10_000
    assert [text for text, name in looked_at if find(text, name)] == []


def test_another_action_is_a_mistake() -> None:
    with pytest.raises(CatalogError, match="`hide` is not one of refuse, redact, flag"):
        _catalog("hide")


@pytest.mark.parametrize(
    ("app", "category", "kept"),
    [
        ("", "redact", "ask [email]"),
        ("flag", "redact", "ask [email]"),
        ("redact", "flag", f"ask {MAIL}"),
        ("redact", "", "ask [email]"),
    ],
)
async def test_a_category_may_have_its_own(app: str, category: str, kept: str) -> None:
    text = CHESS + (f"collection: {{personal_data: {app}}}\n" if app else "")
    if category:
        text = text.replace("play: {", f"play: {{personal_data: {category}, ")
    ingest = Ingest({"ann": COACHING}, catalog=chess(text))
    await ingest.take(_event("property"), _event("property", event_id="e2", producer=1))
    [stored] = ingest.stored()
    [letter] = ingest.letters()
    assert properties_of(stored)["note"] == kept
    assert properties_of(letter.event)["note"] == kept
