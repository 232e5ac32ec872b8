"""The words for the numbers of the enums in `weir.common.v1`, by number."""

from libs.catalog.model import Environment, Producer

PRODUCERS = ("", *map(str, Producer))
# Not to say where an event comes from means production.
ENVIRONMENTS = (str(Environment.PRODUCTION), *map(str, Environment))
PRIVACY_LEVELS = ("", "standard", "sensitive", "pii")
