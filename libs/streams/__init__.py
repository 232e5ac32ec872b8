"""The streams between the services: what is in them, and how they are read so that nothing is lost.

`names` names them, `groups` reads them, `consumer` is the loop that every reader runs, `quarantine`
keeps entries that no reader can handle, `trimming` removes what all groups have acknowledged.
"""
