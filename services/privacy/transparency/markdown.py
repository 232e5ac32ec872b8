"""What an app does with people's data, as Markdown. Pure."""

from collections.abc import Iterable

from services.privacy.transparency.processing import CategoryUse, Description, Event, PurposeUse

_NO_LIMIT = "without limit"


def markdown(found: Description) -> str:
    """A page with a heading for each purpose, and a table of the events of each category."""
    lines = [f"# What {_text(found.title)} does with personal data", ""]
    for purpose in found.purposes:
        lines += _purpose(purpose)
    lines += ["## What holds for all events", "", *(f"- {_text(rule)}" for rule in found.rules), ""]
    return "\n".join(lines)


def _purpose(purpose: PurposeUse) -> Iterable[str]:
    yield f"## {_text(purpose.name or purpose.description)}"
    yield ""
    if purpose.name and purpose.description:
        yield _text(purpose.description) + "."
        yield ""
    yield f"- Legal ground: {_text(purpose.legal_ground)}"
    if purpose.name:
        default = "granted" if purpose.granted_by_default else "not granted"
        yield f"- Without an answer: {default}"
        yield f"- Without consent: {purpose.when_denied}"
        held = (
            "until it is withdrawn" if purpose.grant_days is None else f"{purpose.grant_days} days"
        )
        yield f"- Consent holds: {held}"
    yield ""
    for category in purpose.categories:
        yield from _category(category)


def _category(category: CategoryUse) -> Iterable[str]:
    yield f"### {_text(category.description or category.name)}"
    yield ""
    if category.legal_ground:
        yield f"- Legal ground: {_text(category.legal_ground)}"
    yield f"- {category.identity}"
    if category.anonymized_after_days is not None:
        yield f"- Events lose their person after {category.anonymized_after_days} days"
    yield f"- Numbers made of them are kept: {_days(category.numbers_kept_days)}"
    yield ""
    yield "| event | when | properties | kept |"
    yield "|---|---|---|---|"
    for event in category.events:
        yield _event(event)
    yield ""


def _event(event: Event) -> str:
    properties = ", ".join(
        f"{_text(each.name)} (personal)" if each.personal else _text(each.name)
        for each in event.properties
    )
    cells = (event.name, event.description, properties or "none", _days(event.kept_days))
    return f"| {' | '.join(_text(cell) for cell in cells)} |"


def _days(days: int | None) -> str:
    return _NO_LIMIT if days is None else f"{days} days"


def _text(text: str) -> str:
    """On one line, with nothing that would end the cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
