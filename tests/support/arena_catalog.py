"""A catalog whose rollups have every kind of metric, period and dimension."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from libs.catalog import Catalog, compile_catalog, load_catalog
from services.aggregate.plan import AppPlan, compile_plan

APP = "arena"
CATALOG = """
app_id: arena
title: Arena
subject: {name: player_id}
group: {name: guild_id}
purposes:
  telemetry: {default: granted, when_denied: anonymize}
categories:
  play:
    pii: anonymized
    purpose: telemetry
    producers: [server, frontend]
    retention: {raw: 90d, aggregate: keep}
events:
  match.ended:
    category: play
    description: A match is over
    versions:
      1.0.0:
        properties:
          mode: {}
          score: {type: number}
          loot: {type: object}
  match.left:
    category: play
    description: A player leaves
  match.watched:
    category: play
    description: A spectator is there for a while
    properties: {seconds: {type: number}, mode: {}}
  match.cheered:
    category: play
    description: A spectator cheers
rollups:
  matches:
    events: [match.ended]
    period: week
    dimensions: [guild_id, properties.mode]
    metrics:
      matches: count
      players: {distinct: subject}
      score: {sum: properties.score}
      mean: {avg: properties.score}
      worst: {min: properties.score}
      best: {max: properties.score}
  scores:
    events: ['*']
    period: month
    dimensions: [country, entity.type, context.platform, producer]
    metrics:
      score: {sum: properties.score}
  loot:
    events: [match.ended]
    period: day
    metrics:
      items: {distinct: properties.loot.item}
  watching:
    events: [match.watched, match.cheered]
    period: day
    dimensions: [guild_id]
    metrics:
      watched: {count: events, if: {name: match.watched}}
      special: {count: events, if: {properties.mode: [live, 5, true], name: match.watched}}
      people: {distinct: subject}
      cheering: {distinct: subject, if: {name: match.cheered}}
      silent: {difference: [people, cheering]}
      median: {quantile: properties.seconds, at: 0.5}
      p90: {quantile: properties.seconds, at: 0.9}
      live_median: {quantile: properties.seconds, at: 0.5, if: {properties.mode: live}}
      first_seconds: {first: properties.seconds}
      last_seconds: {last: properties.seconds}
      avg_wait: {elapsed: minutes, since: match.cheered}
labels:
  mode: {duel: {name: One on one, type: Small}, raid: {name: All together}}
  name: {match.ended: {name: Over}}
"""
# One rollup more, and one with a dimension less.
CHANGED = CATALOG.replace(
    "rollups:\n",
    "rollups:\n  by_guild: {events: [match.ended], period: day, dimensions: [guild_id],"
    " metrics: {matches: count, players: {distinct: subject}}}\n",
    1,
).replace("dimensions: [guild_id, properties.mode]", "dimensions: [properties.mode]", 1)


def write_catalog(folder: Path) -> Path:
    """Puts the catalog into a folder of catalogs; returns the folder."""
    (folder / f"{APP}.yaml").write_text(CATALOG)
    return folder


def compile_arena(change: Callable[[str], str] = lambda text: text) -> Catalog:
    """The catalog, or a changed text of it, compiled."""
    return compile_catalog(change(CATALOG), f"{APP}.yaml")


@cache
def plan() -> AppPlan:
    """The catalog's plan."""
    with TemporaryDirectory() as folder:
        return compile_plan(load_catalog(write_catalog(Path(folder)) / f"{APP}.yaml"))
