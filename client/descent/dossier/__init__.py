"""The dossier of a version: what is on record about it, in one file that is checked without the registry."""
