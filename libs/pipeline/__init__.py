"""The streams between the services: what is in them, and how they are consumed so that nothing is lost.

`streams` names them, `groups` reads them, `consumer` is the loop that every reader runs, `quarantine`
is where an entry ends that nobody can handle, `trimming` removes what everybody has acknowledged.
"""
