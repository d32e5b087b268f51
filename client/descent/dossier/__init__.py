"""The dossier of a version: all that is recorded about it, in one file that can be verified without the registry."""
