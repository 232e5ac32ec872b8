"""Two apps with the same short limits, so that much of them ends within weeks, one of them with an archive;
written down for people as well as for the test's own arithmetic, which reads the YAML by itself."""

APP, ARCHIVED = "diary", "album"
# With rules that the test knows of each event.
OWN_APPS = (APP, ARCHIVED)
# Of players who have answered, and of what they were asked for.
GRANT_DAYS = 30
# Shorter than a year, so that the archive's own end is seen as well.
ARCHIVE_DAYS = 200
_RULES = """
subject: {name: player_id}
group: {name: guild_id}
purposes:
  telemetry: {default: denied, when_denied: anonymize, expires: 30d}
  letters: {default: denied, when_denied: drop, subjectless: drop}
privacy_levels: {sensitive: 30d, pii: 7d}
categories:
  brief:
    pii: anonymized
    purpose: telemetry
    producers: [server]
    retention: {raw: 7d, aggregate: 60d}
    anonymize_after: 3d
  play:
    pii: anonymized
    purpose: telemetry
    producers: [server]
    retention: {raw: 90d, aggregate: 200d}
    anonymize_after: 30d
  letters:
    pii: anonymized
    purpose: letters
    producers: [server]
    retention: {raw: 30d, aggregate: 1y}
  safety:
    pii: logged
    legal_ground: Legitimate interest in protecting accounts
    producers: [server]
    retention: {raw: 1y, aggregate: 1y}
events:
  page.seen:
    category: brief
    properties: {page: {type: string}}
  match.ended:
    category: play
    properties: {score: {type: integer}, note: {type: string, x-pii: true}}
  match.left:
    category: play
    retention: 30d
    properties: {}
  letter.opened:
    category: letters
    properties: {}
  login.failed:
    category: safety
    properties: {}
rollups:
  matches:
    events: [match.ended]
    period: day
    dimensions: [guild_id]
    retention: 120d
    metrics: {matches: count, players: {distinct: subject}, score: {sum: properties.score}}
  pages:
    events: [page.seen]
    period: hour
    retention: 20d
    metrics: {views: count, readers: {distinct: subject}}
"""
CATALOGS = {
    APP: f"app_id: {APP}\ntitle: Diary\n{_RULES}",
    ARCHIVED: f"app_id: {ARCHIVED}\ntitle: Album\narchive: true\n{_RULES}",
}
