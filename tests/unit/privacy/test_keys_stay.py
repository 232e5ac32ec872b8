"""The keys of an erased person stay only if a law keeps events whose sealed values they open."""

from libs.catalog import compile_catalog
from services.privacy.sealing.erasing import why_keys_stay
from tests.support.small_catalog import SMALL

SEALED = SMALL.replace("mode: {type: string}", "mode: {type: string, x-pii: sealed}")


def test_keys_go_unless_something_sealed_is_kept() -> None:
    catalog = compile_catalog(SEALED, "chess.yaml")
    assert why_keys_stay(catalog, {}) == ""
    assert why_keys_stay(catalog, {"club.joined": "tax law"}) == ""
    assert why_keys_stay(catalog, {"club.joined": "a", "game.ended": "tax law"}) == "tax law"
    assert why_keys_stay(compile_catalog(SMALL, "chess.yaml"), {"game.ended": "tax law"}) == ""
    assert why_keys_stay(None, {"game.ended": "tax law"}) == ""
