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


def small(more: str = "") -> Catalog:
    """The small catalog with further sections at its end."""
    return compile_catalog(SMALL + more, "chess.yaml")
