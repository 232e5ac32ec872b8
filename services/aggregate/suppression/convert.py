"""How many people a number must be about, for the caller of the RPC that runs now."""

from weir.aggregate.v1 import reliability_pb2

from libs.catalog import Catalog
from libs.rpc.permissions import Permission
from libs.rpc.principal import is_permitted
from services.aggregate.suppression.tables import NO_LIMIT


def least_people(catalog: Catalog) -> int:
    """What the catalog says; NO_LIMIT for a caller who may see numbers of single people."""
    return NO_LIMIT if is_permitted(Permission.READ_PERSONAL_NUMBERS) else catalog.least_people


def withheld_cut(least: int) -> reliability_pb2.Cut:
    """What an answer says that lacks numbers of fewer people, or those that lead to them."""
    return reliability_pb2.Cut(
        limit="least_people",
        value=least,
        detail="numbers of fewer people are withheld, and others so that these cannot be worked out",
    )
