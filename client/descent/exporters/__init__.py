"""Exporters: what is recorded, in the formats of others. One module a format; `graph` is what they are made from."""
