"""Receivers: what other tools send while they work, registered as the importers register their files.

`journal` keeps the events of runs that have not ended, `lineage` decides what becomes of an event, and `http` is the
server in front of it.
"""
