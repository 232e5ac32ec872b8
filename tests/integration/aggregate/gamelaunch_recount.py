"""Funnels, paths and cohorts of the game's log in plain Python. Its times are days."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

Row = tuple[str, date, str]
NEW, STARTED = "newPlayer", "gameStarted"


def by_player(rows: Sequence[Row]) -> dict[str, list[tuple[date, str]]]:
    """The days and names of each player, by day and then by name."""
    found: dict[str, list[tuple[date, str]]] = defaultdict(list)
    for player, day, name in rows:
        found[player].append((day, name))
    return {player: sorted(events) for player, events in found.items()}


def funnel(rows: Sequence[Row], days: int) -> tuple[int, int, int]:
    """Players who were new, those of them who started the game on a later day within so many days of being
    new, and the median of the days that it took these."""
    new = passed = 0
    took = []
    for events in by_player(rows).values():
        entries = [day for day, name in events if name == NEW]
        if not entries:
            continue
        new += 1
        starts = [
            day
            for day, name in events
            if name == STARTED
            and any(timedelta(0) < day - entry <= timedelta(days=days) for entry in entries)
        ]
        if starts:
            passed += 1
            took.append((min(starts) - entries[0]).days)
    return new, passed, sorted(took)[(len(took) + 1) // 2 - 1]


def paths(
    rows: Sequence[Row], depth: int, gap_days: int
) -> dict[tuple[int, str, str], tuple[int, int]]:
    """Paths after being new: count and players of each row."""
    counts: Counter[tuple[int, str, str]] = Counter()
    players: dict[tuple[int, str, str], set[str]] = defaultdict(set)
    for player, events in by_player(rows).items():
        for first, (_, name) in enumerate(events):
            if name != NEW:
                continue
            for step, place in enumerate(range(first, first + depth), 1):
                here = events[place]
                later = events[place + 1] if place + 1 < len(events) else None
                is_near = later is not None and (later[0] - here[0]).days <= gap_days
                row = step, here[1], later[1] if later and is_near else ""
                counts[row] += 1
                players[row].add(player)
                if not is_near:
                    break
    return {row: (count, len(players[row])) for row, count in counts.items()}


def weekly_cohorts(rows: Sequence[Row]) -> dict[date, list[int]]:
    """By the week in which players were new: how many were active so many weeks later."""
    newest = max(day for _, day, _ in rows)
    table: dict[date, list[int]] = {}
    for events in by_player(rows).values():
        entries = [day for day, name in events if name == NEW]
        if not entries:
            continue
        week = _monday(entries[0])
        row = table.setdefault(week, [0] * ((_monday(newest) - week).days // 7 + 1))
        for later in {(_monday(day) - week).days // 7 for day, _ in events}:
            if later >= 0:
                row[later] += 1
    return table


def retained(rows: Sequence[Row], days: int) -> tuple[int, int]:
    """Players who were new, and those of them who were active exactly so many days after."""
    new = back = 0
    for events in by_player(rows).values():
        entries = [day for day, name in events if name == NEW]
        if entries:
            new += 1
            back += any(day - entries[0] == timedelta(days=days) for day, _ in events)
    return new, back


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
