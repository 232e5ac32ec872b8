"""Scheduled work: when a job is due, that one replica runs it, and a journal of what became of it.

`job` declares one, `schedule` and `due` decide when it runs, `runner` runs it, `postgres` keeps the journal.
"""
