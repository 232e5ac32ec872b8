"""A broken catalog is refused with file, line and reason, all of them at once."""

from pathlib import Path

import pytest

from libs.catalog import CatalogError, compile_catalog, load_catalogs
from tests.support.small_catalog import SMALL, small


def problems_of(text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        compile_catalog(text, "chess.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: Chess", "titel: Chess", "2: unknown key `titel`; did you mean `title`?"),
        ("app_id: chess", "app_id: Chess Club", "1: app_id: must be a-z, 0-9 and `_`"),
        (
            "default: granted",
            "default: yes",
            "6: purposes.telemetry.default: `yes` is not one of granted, denied",
        ),
        (
            "when_denied: anonymize",
            "when_denied: keep",
            "6: purposes.telemetry.when_denied: `keep` is not one of anonymize, drop",
        ),
        ("raw: 90d", "raw: 90", "8: categories.play.retention.raw: must be a length of time"),
        ("raw: 90d", "raw: 36h", "8: categories.play.retention.raw: must be whole days"),
        ("raw: 90d, ", "", "8: categories.play.retention: `raw` is missing"),
        (
            "producers: [server]",
            "producers: [sever]",
            "8: categories.play.producers: no producer `sever`; did you mean `server`?",
        ),
        (
            "  club.joined:\n    category: play",
            "  club.joined:\n    category: plya",
            "18: events.club.joined.category: no category `plya`; did you mean `play`?",
        ),
        ("club.joined:", "game.ended:", "17: `game.ended` is given twice, first on line 13"),
        (
            "required: [moves]",
            "required: [move]",
            "16: events.game.ended.required: `move` is not among the properties; did you mean "
            "`moves`?",
        ),
        (
            "minimum: 0",
            "minimun: 0",
            "15: events.game.ended.properties.moves: unknown keyword `minimun`; did you mean "
            "`minimum`?",
        ),
        (
            "type: integer",
            "type: integr",
            '15: events.game.ended.properties.moves.type: "integr" is not valid',
        ),
        (
            "rated: {type: boolean}",
            "rated: {$ref: 'https://example.org/rated.json'}",
            "12: events.game.started.properties.rated.$ref: only references inside the schema",
        ),
        (
            "rated: {type: boolean}",
            "rated: {type: string, pattern: '('}",
            "12: events.game.started.properties.rated.pattern",
        ),
        (
            "rated: {type: boolean}",
            "rated: boolean",
            "12: events.game.started.properties.rated: must be a schema",
        ),
        ("title: Chess", "title: [", "4: not YAML"),
        ("title: Chess", "title: !!python/name:os.system", "2: the YAML tag"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, problem: str) -> None:
    assert old in SMALL
    found = problems_of(SMALL.replace(old, new, 1))
    assert any(line.startswith(f"chess.yaml:{problem}") for line in found), found


LAST = len(SMALL.splitlines())


@pytest.mark.parametrize(
    ("more", "line", "problem"),
    [
        ("naming: '^[a-z]+$'", 10, "events.game.started: the name does not follow"),
        ("naming: '('", LAST + 1, "naming: not a regular expression"),
        ("activity: [chat.*]", LAST + 1, "activity: the pattern `chat.*` matches no event"),
        ("labels: {mood: {}}", LAST + 1, "labels.mood: no rollup has the dimension `mood`"),
        ("labels: {name: {x: {type: t}}}", LAST + 1, "labels.name.x: `name` is missing"),
        ("dedupe: {window: 1 day}", LAST + 1, "dedupe.window: must be a length of time"),
        ("clock: {max_ago: 7d}", LAST + 1, "clock: unknown key `max_ago`; did you mean `max_age`?"),
        ("fields: {nam: n}", LAST + 1, "fields: unknown key `nam`; did you mean `name`?"),
        ("fields: {name: a, event_id: a}", LAST + 1, "fields.name: `a` is already the word for"),
        ("fields: {producers: {web: browser}}", LAST + 1, "fields.producers.web: no producer"),
        ("privacy_levels: {secret: 1y}", LAST + 1, "privacy_levels: unknown key `secret`"),
    ],
)
def test_a_mistake_in_a_further_section(more: str, line: int, problem: str) -> None:
    found = problems_of(f"{SMALL}{more}\n")
    assert any(text.startswith(f"chess.yaml:{line}: {problem}") for text in found), found


@pytest.mark.parametrize(
    ("rollup", "problem"),
    [
        ("{period: day, metrics: {n: count}}", "rollups.r: `events` is missing"),
        ("{events: ['*'], period: day}", "rollups.r.metrics: at least one metric is needed"),
        (
            "{events: [game.start], period: day, metrics: {n: count}}",
            "no event `game.start`; did you mean",
        ),
        (
            "{events: ['*'], period: day, metrics: {n: {media: subject}}}",
            "unknown kind of metric `media`",
        ),
        (
            "{events: ['*'], period: day, metrics: {n: {sum: subject}}}",
            "sum needs a number, and `subject`",
        ),
        (
            "{events: ['*'], period: day, metrics: {n: {avg: properties.mode}}}",
            "avg needs a number, and `properties.mode` is none",
        ),
        (
            "{events: ['*'], period: day, metrics: {n: {avg: properties.move}}}",
            "none of its events declares `properties.move`; did you mean `moves`?",
        ),
        (
            "{events: ['*'], period: day, dimensions: [club_id, group_id], metrics: {n: count}}",
            "two dimensions have the label `club_id`",
        ),
        (
            "{events: ['*'], period: day, dimensions: [context.extra], metrics: {n: count}}",
            "`context.extra` is not one of",
        ),
        ("{events: ['*'], metrics: {n: count}}", "`period` is missing"),
        ("{events: ['*'], period: year, metrics: {n: count}}", "`year` is not one of hour, day"),
    ],
)
def test_a_mistake_in_a_rollup(rollup: str, problem: str) -> None:
    found = problems_of(f"{SMALL}rollups:\n  r: {rollup}\n")
    assert any(problem in text for text in found), found
    assert all(text.startswith(f"chess.yaml:{LAST + 2}: ") for text in found), found


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        ("{quantile: properties.moves}", "`at` is missing"),
        ("{quantile: properties.moves, at: 95}", "at: must be a number from 0 to 1"),
        ("{sum: properties.moves, at: 0.5}", "unknown key `at`"),
        ("{quantile: subject, at: 0.5}", "quantile needs a number, and `subject` is a text"),
        ("{last: properties.mode}", "last needs a number, and `properties.mode` is none"),
        ("{sum: properties.moves, avg: properties.moves}", "of one kind: count, distinct"),
        ("{count: all}", "count: must be `events`"),
        ("{count: events, if: {name: game.start}}", "the rollup has no event `game.start`"),
        ("{count: events, if: {plaier: x}}", "`plaier` is not a field of an event"),
        ("{count: events, if: {subject: x}}", "numbers depend on no single person"),
        ("{count: events, if: {group_id: 5}}", "`group_id` is a text: put the value in quotes"),
        ("{count: events, if: {properties.mode: {a: 1}}}", "must be a text, a number, true or"),
        (
            "{count: events, if: {properties.mod: x}}",
            "none of its events declares `properties.mod`",
        ),
        ("{elapsed: minutes}", "`since` is missing"),
        ("{elapsed: minute, since: game.started}", "`minute` is not one of seconds, minutes"),
        ("{elapsed: hours, since: game.start}", "no event `game.start`"),
        ("{elapsed: hours, since: game.started, if: {name: game.started}}", "unknown key `if`"),
        ("{difference: [other]}", "a difference is of two metrics"),
        ("{difference: [other, othr]}", "the rollup has no metric `othr`; did you mean `other`?"),
        ("{difference: [other, mean]}", "counts, distinct counts and sums, and `mean` is none"),
        ("{difference: [other, m], if: {name: game.started}}", "unknown key `if`"),
    ],
)
def test_a_mistake_in_a_metric(metric: str, problem: str) -> None:
    metrics = f"{{m: {metric}, other: count, mean: {{avg: properties.moves}}}}"
    rollup = f"{{events: [game.*], period: day, metrics: {metrics}}}"
    found = problems_of(f"{SMALL}rollups:\n  r: {rollup}\n")
    assert any(problem in text for text in found), found
    assert all(text.startswith(f"chess.yaml:{LAST + 2}: rollups.r") for text in found), found


def test_all_mistakes_are_told_at_once() -> None:
    text = SMALL.replace("title:", "titel:").replace("minimum", "minimun").replace("5y", "ever")
    found = problems_of(text)
    assert [line.split(":")[1] for line in found] == ["1", "2", "8", "15"]


def test_a_file_that_refers_to_itself_ends() -> None:
    assert problems_of("app_id: &a [*a]\n")


def test_aliases_cannot_expand_without_end() -> None:
    lines = ["x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("far too many values" in line for line in problems_of("\n".join(lines)))


def test_texts_stay_texts() -> None:
    catalog = small("alerts: {on: yes, at: 12:30, day: 2026-01-01, of: 010, n: 7, ok: true}\n")
    assert catalog.opaque_sections["alerts"] == {
        "on": "yes",
        "at": "12:30",
        "day": "2026-01-01",
        "of": "010",
        "n": 7,
        "ok": True,
    }


def test_a_folder_tells_the_mistakes_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "go.yaml").write_text(SMALL)
    (tmp_path / "bad.yaml").write_text("app_id: bad\n")
    with pytest.raises(CatalogError) as caught:
        load_catalogs(tmp_path)
    text = str(caught.value)
    assert f"{tmp_path / 'go.yaml'}:1: app_id: the file of `chess` is called chess.yaml" in text
    assert f"{tmp_path / 'bad.yaml'}:1: `title` is missing" in text
    assert caught.value.problems[0].file.endswith("bad.yaml")


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no catalogs"):
        load_catalogs(tmp_path)


@pytest.mark.parametrize(
    "nested",
    [
        "mode: {type: object, properties: {mail: {type: string, x-pii: true}}}",
        "mode: {type: array, items: {type: string, x-pii: true}}",
        "mode: {anyOf: [{type: string, x-pii: true}, {type: integer}]}",
    ],
)
def test_personal_data_is_marked_where_it_can_be_taken_away(nested: str) -> None:
    [problem] = problems_of(SMALL.replace("mode: {type: string}", nested))
    assert problem.startswith("chess.yaml:15: events.game.ended.properties.mode")
    assert "`x-pii` marks whole properties, not parts of one" in problem
