"""One version of an event: its JSON Schema, bound once, and reasons that never repeat a value."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import jsonschema_rs

from libs.catalog.problems import did_you_mean

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What `x-pii` says of a property that is stored encrypted.
SEALED = "sealed"
# The marks of properties, and what they may say apart from true and false.
_MARKS: Mapping[str, tuple[str, ...]] = {"x-pii": (SEALED,), "x-subject": ()}
# A pattern with backtracking may not hold up a batch; beyond this an event is rejected.
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=10_000)


@dataclass(frozen=True, slots=True)
class Violation:
    """Why properties do not match: the field (`properties.score`) and a reason made from the schema
    alone. Values, and names that the catalog does not declare, may be personal data and are not
    repeated: an undeclared name in `field` is `*`."""

    field: str
    reason: str


class SchemaError(ValueError):
    """A schema that is not JSON Schema 2020-12. `path` leads to the place inside the schema."""

    def __init__(self, reason: str, path: list[str | int]) -> None:
        super().__init__(reason)
        self.path = path


@dataclass(frozen=True, slots=True, eq=False)
class EventVersion:
    """One version of an event's properties. `schema` is a complete JSON Schema, not to be changed;
    `declared` are the top-level properties that it names;
    `pii_properties` are the top-level properties marked `x-pii`, `sealed_properties` those of them that are
    marked `x-pii: sealed`, `subject_properties` those marked `x-subject: true`, whose values are ids of
    people. `number_properties` are the paths that the schema declares as numbers and nothing else, except
    those of people."""

    version: str
    schema: dict[str, object]
    pii_properties: frozenset[str]
    sealed_properties: frozenset[str]
    subject_properties: frozenset[str]
    number_properties: frozenset[tuple[str, ...]]
    _validator: jsonschema_rs.Validator
    declared: frozenset[str]

    def field(self, name: str) -> str:
        """The path of a top-level property: its name may be personal data unless it is declared."""
        return f"properties.{name}" if name in self.declared else "properties.*"

    def declares(self, path: Sequence[str]) -> bool:
        """Whether the schema has a property at this path, each step of it among the `properties` of the one
        before."""
        here: object = self.schema
        for step in path:
            properties = here.get("properties") if isinstance(here, dict) else None
            if not isinstance(properties, dict) or step not in properties:
                return False
            here = properties[step]
        return bool(path)

    def is_valid(self, properties: dict[str, object]) -> bool:
        """Whether `properties` match. False, too, when they cannot be walked as JSON."""
        try:
            return self._validator.is_valid(properties)
        except ValueError:
            return False

    def violations(self, properties: dict[str, object]) -> list[Violation]:
        """Everything that does not match, in the schema's order; empty when all does."""
        try:
            errors = list(self._validator.iter_errors(properties))
        except ValueError:
            return [Violation("properties", "cannot be read as JSON")]
        found = [self._violation(error) for error in errors]
        return list(dict.fromkeys(found))

    def _violation(self, error: jsonschema_rs.ValidationError) -> Violation:
        field = "properties"
        for step in error.instance_path:
            if isinstance(step, int):
                field += f"[{step}]"
            else:
                field += f".{step}" if step in self.declared else ".*"
        details = error.kind.as_dict()
        if error.kind.name in ("required", "dependentRequired") and "property" in details:
            return Violation(f"{field}.{details['property']}", "is required")
        return Violation(field, self._reason(error.kind.name, details))

    def _reason(self, keyword: str, details: Mapping[str, object]) -> str:
        match keyword:
            case "type":
                types = details["types"]
                names = types if isinstance(types, list) else [types]
                return f"must be of type {' or '.join(str(name) for name in names)}"
            case "enum":
                options = details["options"]
                assert isinstance(options, list)
                return f"must be one of {', '.join(_word(option) for option in options)}"
            case "const":
                return f"must be {_word(details.get('expected_value'))}"
            case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
                sign = {
                    "minimum": "at least",
                    "exclusiveMinimum": "more than",
                    "maximum": "at most",
                    "exclusiveMaximum": "less than",
                }[keyword]
                return f"must be {sign} {details['limit']}"
            case "minLength" | "maxLength":
                sign = "at least" if keyword == "minLength" else "at most"
                return f"must have {sign} {details['limit']} characters"
            case "minItems" | "maxItems":
                sign = "at least" if keyword == "minItems" else "at most"
                return f"must have {sign} {details['limit']} items"
            case "minProperties" | "maxProperties":
                sign = "at least" if keyword == "minProperties" else "at most"
                return f"must have {sign} {details['limit']} properties"
            case "pattern":
                return f"must match the pattern {details['pattern']}"
            case "format":
                return f"must be a valid {details['format']}"
            case "multipleOf":
                return f"must be a multiple of {details['multiple_of']}"
            case "uniqueItems":
                return "must not have the same item twice"
            case "additionalProperties" | "unevaluatedProperties":
                unexpected = details.get("unexpected")
                names = unexpected if isinstance(unexpected, list) else []
                hints = (did_you_mean(str(name), self.declared) for name in names)
                hint = next((text for text in hints if text), "")
                return f"has a property that the catalog does not declare{hint}"
            case "falseSchema":
                return "is not allowed"
            case "anyOf" | "oneOf":
                return "matches none, or more than one, of the allowed forms"
        return f"does not satisfy `{keyword}`"


def compile_version(version: str, parts: Mapping[str, object]) -> EventVersion:
    """The version whose object schema is made of `parts` (`properties`, `required`, ...).

    Formats are checked; references that would be fetched from a network are refused. Raises
    SchemaError.
    """
    schema: dict[str, object] = {"$schema": _DIALECT, "type": "object", **parts}
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            ignore_unknown_formats=False,
            pattern_options=_PATTERNS,
            offline=True,
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaError(error.message, list(error.instance_path)) from None
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(str(error).splitlines()[0], []) from None
    for mark in ("x-pii", "x-subject"):
        for path in _nested_marks(mark, schema, []):
            raise SchemaError(f"`{mark}` marks whole properties, not parts of one", path)
    _check_marks(parts)
    people = _marked("x-subject", parts, True)
    sealed = _marked("x-pii", parts, SEALED)
    for name in sorted(sealed & people):
        raise SchemaError(
            "other people's ids are looked for in it, so it cannot be sealed", ["properties", name]
        )
    return EventVersion(
        version,
        schema,
        _marked("x-pii", parts, True) | sealed,
        sealed,
        people,
        frozenset(path for path in _numbers(parts, ()) if path[0] not in people),
        validator,
        frozenset(_declared_names(schema)),
    )


def _word(value: object) -> str:
    return value if isinstance(value, str) else str(value).lower() if value is None else repr(value)


def declared_types(rule: object) -> frozenset[str]:
    """The types that the schema of a property names; none if it names none, and so permits all."""
    declared = rule.get("type") if isinstance(rule, dict) else None
    names = declared if isinstance(declared, list) else [declared]
    # Other values are reported when the schema is compiled.
    return frozenset(name for name in names if isinstance(name, str))


def _check_marks(parts: Mapping[str, object]) -> None:
    """Raises SchemaError for a mark that says nothing: a misspelt one would leave personal data unmarked."""
    properties = parts.get("properties")
    for name, rule in properties.items() if isinstance(properties, dict) else ():
        for mark, words in _MARKS.items() if isinstance(rule, dict) else ():
            said = rule.get(mark, False)
            if not isinstance(said, bool) and said not in words:
                known = ", ".join(("true", "false", *words))
                raise SchemaError(f"`{mark}` is one of {known}", ["properties", name, mark])


def _marked(mark: str, parts: Mapping[str, object], value: object) -> frozenset[str]:
    properties = parts.get("properties")
    return frozenset(
        name
        for name, rule in (properties.items() if isinstance(properties, dict) else ())
        if isinstance(rule, dict) and mark in rule and rule[mark] == value
    )


def _numbers(rule: Mapping[str, object], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of properties, at any depth, that are numbers or null."""
    properties = rule.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        if isinstance(inner, dict):
            types = declared_types(inner)
            if types - {"null"} and types <= {"integer", "number", "null"}:
                yield (*path, name)
            yield from _numbers(inner, (*path, name))


def _nested_marks(mark: str, part: object, path: list[str | int]) -> Iterator[list[str | int]]:
    """Where `mark` stands in the rule of something that is no property of the event itself."""
    entries: Iterable[tuple[str | int, object]] = ()
    if isinstance(part, dict):
        if mark in part and not (len(path) == 2 and path[0] == "properties"):
            yield path
        entries = part.items()
    elif isinstance(part, list):
        entries = enumerate(part)
    for key, child in entries:
        yield from _nested_marks(mark, child, [*path, key])


def _declared_names(schema: object) -> Iterator[str]:
    """Every property name that the schema declares, at any depth."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for part in schema.values():
            yield from _declared_names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _declared_names(part)
