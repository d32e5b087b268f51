"""The key that tokens in a Neo4j are kept by: whoever reads the database, or writes to it, does not have it.

In a database that others read, and on the community edition write, a token is kept as HMAC-SHA-256 of the SHA-256 of
its secret. So nobody makes a token by writing its hash there, and nobody tells by it whether a secret is one of the
registry's. SQLite's file is the server's own, and keeps the SHA-256.
"""

import os
import re
import secrets
from contextlib import suppress
from typing import Final

from descentd.app.server.settings import Settings
from descentd.app.server.store_url import NEO4J, scheme
from descentd.graph.model.errors import InvalidInput

FILE: Final = "descent-token.key"
_KEY: Final = re.compile(r"[0-9a-f]{64}")


class TokenKey:
    """The key of a server, as its settings say; read when it is first there."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidInput where the settings hold none that can be used."""
        self._needed = scheme(settings.store) in NEO4J
        self._file = settings.token_key_file or settings.folder / FILE
        self._given = settings.token_key_file is not None
        self._key = _parsed(settings.token_key, "DESCENT_TOKEN_KEY") if settings.token_key else None

    def read(self) -> bytes | None:
        """The key, None where tokens are kept without one, or none was made yet. Raises InvalidInput."""
        if self._key is None and self._needed and (self._given or self._file.exists()):
            try:
                self._key = _parsed(self._file.read_text("utf-8"), str(self._file))
            except OSError as error:
                raise InvalidInput(f"The key of tokens cannot be read from {self._file}: {error.strerror}.") from None
        return self._key if self._needed else None

    def require(self) -> None:
        """Raise InvalidInput where a key is needed and there is none: the tokens of a registry were made with one."""
        if self._needed and self.read() is None:
            raise InvalidInput(
                f"The registry has tokens, and the key that they were made with is not in {self._file}: run this in "
                "the folder of the server, or name that by DESCENT_FOLDER or the key's file by DESCENT_TOKEN_KEY_FILE. "
                "Where the key is lost, revoke these tokens first."
            )

    def create(self) -> bytes | None:
        """As `read`; where a key is needed and there is none, one is made, in a file for this user alone."""
        if self._needed and self._key is None and not self._given:
            with suppress(FileExistsError):
                file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(file, "w", encoding="ascii") as opened:
                    opened.write(secrets.token_hex(32) + "\n")
        return self.read()


def _parsed(written: str, where: str) -> bytes:
    if not _KEY.fullmatch(written.strip()):
        raise InvalidInput(
            f"The key of tokens in {where} is invalid: expected 64 hexadecimal digits, as `openssl rand -hex 32` "
            "writes them."
        )
    return bytes.fromhex(written.strip())
