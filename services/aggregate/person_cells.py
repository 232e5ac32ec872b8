"""Which numbers are about one person: those of cells and results that a dimension splits by the person, and
the counts in which the person is a member. Pure."""

from libs.common.mentions import is_long_id
from libs.common.subject_data import SubjectRef

# Of dimensions, an expression, and the ids of `ids_in_numbers`, an array.
SPLIT_BY = "EXISTS (SELECT FROM jsonb_each_text({}) AS value (name, id) WHERE id = ANY({}))"


def ids_in_numbers(subject: SubjectRef) -> list[str]:
    """What stands for the person there: a pseudonym, or, in a rollup that takes it from a property, a plain
    id that is long enough not to be another thing's, such as a community's."""
    plain = [subject.subject_id] if is_long_id(subject.subject_id) else []
    return [*plain, *subject.persons]
