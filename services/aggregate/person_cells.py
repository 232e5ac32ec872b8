"""Which numbers are about one person, or name the person: those of cells and results by their dimensions, and
the counts in which the person is a member. Pure.

An export hands out what is about the person. An erasure also removes what only names the person, such as the
numbers of a page whose address has the id: such a value may name others as well.
"""

from libs.common.mentions import forms_of, is_long_id
from libs.common.subject_data import SubjectRef

_VALUES = "jsonb_each_text({dimensions}) AS dimension (name, value)"
# Of dimensions, an expression, and the ids of `ids_in_numbers`, an array: whether one is the person.
SPLIT_BY = f"EXISTS (SELECT FROM {_VALUES} WHERE dimension.value = ANY({{ids}}))"
# Of a text, an expression, and the forms of `forms_in_numbers`, an array: whether it names the person.
NAMES = "EXISTS (SELECT FROM unnest({forms}) AS form WHERE strpos({text}, form) > 0)"
# The same of any dimension.
NAMED_IN = f"EXISTS (SELECT FROM {_VALUES} WHERE {NAMES.replace('{text}', 'dimension.value')})"


def ids_in_numbers(subject: SubjectRef) -> list[str]:
    """What stands for the person there: a pseudonym, or, in a rollup that takes it from a property, a plain
    id that is long enough not to be another thing's, such as a community's."""
    return list(filter(is_long_id, subject.ids))


def forms_in_numbers(subject: SubjectRef) -> list[str]:
    """Texts of which one stands in each value that has one of these ids, as itself or encoded."""
    return [form for each in ids_in_numbers(subject) for form in forms_of(each)]
