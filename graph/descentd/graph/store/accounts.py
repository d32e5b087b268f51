"""Where tokens and the log of accesses are kept: beside the log of records, never in it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Protocol

from descentd.graph.model.accounts import Access, Token


class Accounts(Protocol):
    """What every store keeps of people. Methods raise Unavailable while the store cannot be reached."""

    async def any_token(self) -> bool:
        """Whether a token was ever made; one that was revoked or has expired still counts."""
        ...

    async def token(self, hash: bytes) -> Token | None:
        """The token whose secret has a SHA-256, by one look-up."""
        ...

    async def tokens(self) -> list[Token]:
        """All tokens, oldest first."""
        ...

    async def add_token(self, token: Token) -> None:
        """Keep a new token, durably."""
        ...

    async def revoke(self, ids: Collection[str], at: int) -> None:
        """Mark tokens as revoked at a moment, durably; those that are revoked already stay as they are."""
        ...

    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        """Add accesses to the end of their log, durably, in order."""
        ...

    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        """Up to `limit` accesses with their numbers, newest first, from below the number `before`.

        Only those of `person`, and only those that were refused or were not, where these are given.
        """
        ...


class MemoryAccounts:
    """Plain lists. Implements Accounts."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._accesses: list[Access] = []

    async def any_token(self) -> bool:
        """See Accounts."""
        return bool(self._tokens)

    async def token(self, hash: bytes) -> Token | None:
        """See Accounts."""
        return next((token for token in self._tokens.values() if token.hash == hash), None)

    async def tokens(self) -> list[Token]:
        """See Accounts."""
        return sorted(self._tokens.values(), key=lambda token: (token.created_at, token.id))

    async def add_token(self, token: Token) -> None:
        """See Accounts."""
        self._tokens[token.id] = token

    async def revoke(self, ids: Collection[str], at: int) -> None:
        """See Accounts."""
        for id in ids:
            token = self._tokens.get(id)
            if token is not None and token.revoked_at is None:
                self._tokens[id] = replace(token, revoked_at=at)

    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        """See Accounts."""
        self._accesses += accesses

    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        """See Accounts."""
        found = [
            (number, access)
            for number, access in enumerate(self._accesses, 1)
            if (before is None or number < before)
            and (person is None or access.person == person)
            and (refused is None or access.refused == refused)
        ]
        return found[::-1][:limit]
