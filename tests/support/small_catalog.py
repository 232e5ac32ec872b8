"""The smallest catalog that compiles, and a way to change it."""

from libs.catalog import Catalog, compile_catalog

SMALL = """\
app_id: chess
title: Chess
subject: {name: player}
group: {name: club_id}
purposes:
  telemetry: {default: granted, when_denied: anonymize}
categories:
  play: {purpose: telemetry, producers: [server], retention: {raw: 90d, aggregate: 5y}}
events:
  game.started:
    category: play
    properties: {rated: {type: boolean}}
  game.ended:
    category: play
    properties: {moves: {type: integer, minimum: 0}, mode: {type: string}}
    required: [moves]
  club.joined:
    category: play
"""

# A law keeps what is played, and not who has joined a club.
KEEPS_PLAY = compile_catalog(
    SMALL.replace(
        "  club.joined:\n    category: play\n", "  club.joined:\n    category: clubs\n"
    ).replace(
        "events:\n",
        "  clubs: {purpose: telemetry, producers: [server], retention: {raw: 90d, aggregate: 5y}}\n"
        "erasure:\n  keep: {play: {because: Rules of the association}}\n"
        "events:\n",
    ),
    "chess.yaml",
)


def small(more: str = "") -> Catalog:
    """The small catalog with further sections at its end."""
    return compile_catalog(SMALL + more, "chess.yaml")
