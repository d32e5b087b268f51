"""The schema of a registry's SQLite file: the tables of the log, and those of what is stored beside it.

record, body     an entry of the log each: what it is found by, and its content (RFC 8785 JSON)
edge             every edge, from the record that states it (src) to what it points to (dst)
key, word        what records are found by: exact keys such as digests, and words for full-text search
head             the end of the log: sequence, time and the frontier of the Merkle tree
token, access    credentials, and who asked for what
arrival          webhooks that came in, by which a repeated one is recognised
destination, delivery    webhooks that go out
event, chain     the events of tokens, arrivals and deliveries, and where each hash chain ends (an access is an event)
"""

from typing import Final

FORMAT: Final = 2
"""SQLite's user_version of a registry's file."""
UNCHAINED: Final = 1
"""That of earlier versions, which kept no chains of events and may lack tables for what is beside the log."""
APPLICATION_ID: Final = 0x44455343
"""SQLite's application_id: "DESC", which the program `file` shows. A file with another one is refused."""

_RECORD_TABLES: Final = """
CREATE TABLE record (
  seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, label TEXT UNIQUE,
  tx INTEGER NOT NULL, recorded_at INTEGER NOT NULL, recorded_by TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE body (seq INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE edge (
  dst INTEGER NOT NULL, role INTEGER NOT NULL, src INTEGER NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (dst, role, src)) STRICT, WITHOUT ROWID;
CREATE INDEX edge_out ON edge (src, role, dst, detail);
CREATE TABLE key (value TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (value, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX key_of ON key (seq);
CREATE VIRTUAL TABLE word USING fts5(words, tokenize = "unicode61 remove_diacritics 0");
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, recorded_at INTEGER NOT NULL, frontier TEXT NOT NULL
) STRICT;
INSERT INTO head VALUES (1, 0, 0, '');
"""

OPERATIONAL_TABLES: Final = """
CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, roles TEXT NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS access (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, person TEXT, credential TEXT, client TEXT NOT NULL,
  route TEXT NOT NULL, operation TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL,
  count INTEGER NOT NULL, refused INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS access_person ON access (person, seq);
CREATE INDEX IF NOT EXISTS access_refused ON access (seq) WHERE refused = 1;
CREATE TABLE IF NOT EXISTS arrival (
  identity TEXT PRIMARY KEY, sent INTEGER NOT NULL, records TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS destination (
  name TEXT PRIMARY KEY, position INTEGER NOT NULL, holder TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS delivery (
  destination TEXT NOT NULL, sequence INTEGER NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
  attempts INTEGER NOT NULL, at INTEGER NOT NULL, next_at INTEGER NOT NULL, status INTEGER, reason TEXT NOT NULL,
  PRIMARY KEY (destination, sequence, type)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_newest ON delivery (sequence DESC, destination, type);
CREATE INDEX IF NOT EXISTS delivery_open ON delivery (state, destination, sequence) WHERE state <> 'DELIVERED';
CREATE TABLE IF NOT EXISTS event (
  chain TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, item TEXT NOT NULL, content TEXT NOT NULL,
  hash BLOB NOT NULL, PRIMARY KEY (chain, number)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_item ON event (chain, item, number);
CREATE TABLE IF NOT EXISTS chain (
  name TEXT PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL, base INTEGER NOT NULL, base_hash BLOB NOT NULL,
  closing TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

TABLES: Final = _RECORD_TABLES + OPERATIONAL_TABLES
