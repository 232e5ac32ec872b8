"""A catalog with an anonymizing, a dropping and no purpose, and what ingest decides by."""

from libs.catalog import Catalog, compile_catalog

CHESS = """\
app_id: chess
title: Chess
subject: {name: player, entity_types: [player]}
group: {name: club}
purposes:
  telemetry: {default: granted, when_denied: anonymize}
  coaching: {default: denied, when_denied: drop}
categories:
  play: {purpose: telemetry, producers: [server, api], retention: {raw: 90d, aggregate: 5y}}
  coach: {purpose: coaching, producers: [webhooks], retention: {raw: 90d, aggregate: 5y}}
  chat:
    purpose: telemetry
    counts_only: true
    producers: [webhooks]
    retention: {raw: 90d, aggregate: 5y}
  audit: {producers: [server], retention: {raw: 2y, aggregate: 2y}}
events:
  game.ended:
    category: play
    versions:
      1.0.0: {properties: {moves: {type: integer, minimum: 0}}, required: [moves]}
      1.1.0:
        properties: {moves: {type: integer, minimum: 0}, email: {type: string, x-pii: true}}
        required: [moves]
  game.shared: {category: play, properties: {with: {x-subject: true}}}
  lesson.given: {category: coach, properties: {minutes: {type: integer}}}
  chat.sent: {category: chat, properties: {board: {type: integer}}}
  login.failed: {category: audit}
  piece.touched: {category: play, sampling: {production: 0.25}}
privacy_levels: {sensitive: 30d, pii: 7d}
clock: {max_future: 10m, max_age: 365d}
"""


def chess(catalog: str = CHESS) -> Catalog:
    """The catalog, or a changed text of it, compiled."""
    return compile_catalog(catalog, "chess.yaml")
