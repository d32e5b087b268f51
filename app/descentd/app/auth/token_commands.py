"""`descentd token`: making, listing and revoking the tokens of a registry, at its store."""

import asyncio
import getpass
import json
import re
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from descentd.app.auth.tokens import hash_of, new_secret
from descentd.graph.model import accounts
from descentd.graph.model.accounts import Access, AccessRole, Token
from descentd.graph.model.clock import now
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.names import given_instant, rfc3339
from descentd.graph.store.operational import Accounts

if TYPE_CHECKING:
    from descentd.graph.store.base import Store as Opened

Result = TypeVar("Result")

_AGE: Final = re.compile(r"(\d{1,5})([dhm])")
_MICROSECONDS: Final = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000}


class Format(StrEnum):
    """How outcomes are written."""

    TEXT = "text"
    JSON = "json"


Store = Annotated[
    str | None,
    typer.Option(help="sqlite:///FILE, neo4j://…, bolt://… or memory:  [default: sqlite:///descent.db]", metavar="URL"),
]

tokens = typer.Typer(no_args_is_help=True, help="Make, list and revoke tokens.")


@tokens.command()
def create(
    person: Annotated[str, typer.Option(help="Whose it is: reviews are told apart by person, not by token.")],
    role: Annotated[
        list[str], typer.Option(help="viewer, registrar, evaluator, reviewer, admin or auditor; may be repeated.")
    ],
    store: Store = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 90d, 12h, 30m, or 2030-01-15T10:00:00Z.  [default: never]")
    ] = None,
) -> None:
    """Make a token; it is written to stdout, once: the registry keeps a hash of it."""
    from descentd.app.auth.token_key import TokenKey
    from descentd.app.server.settings import Settings

    key = TokenKey(Settings.read(store=store))
    secret, moment = new_secret(), now()
    whose, roles, expiry = accounts.person(person), frozenset(map(_role, role)), _expiry(expires, moment)

    async def keep(kept: Accounts) -> Token:
        known = await kept.tokens()
        _check_spelling(whose, known)
        if any(one.fault(moment) is None for one in known):
            key.require()
        token = Token(secrets.token_hex(6), hash_of(secret, key.create()), whose, roles, moment, expiry)
        await kept.add_token(token)
        await kept.record_accesses([_command("token create", _described(token))])
        return token

    token = _at_accounts(store, keep, new=True)
    sys.stderr.write(f"Token {_described(token)}. It is shown this once:\n")
    sys.stdout.write(secret + "\n")


@tokens.command(name="list")
def list_(
    store: Store = None,
    format: Annotated[Format, typer.Option(help="How the tokens are written.")] = Format.TEXT,
) -> None:
    """List the tokens, oldest first, with those that are no longer good."""
    found = _at_accounts(store, lambda kept: kept.tokens())
    if format is Format.JSON:
        sys.stdout.write(json.dumps([_shape(token) for token in found], ensure_ascii=False) + "\n")
        return
    for token in found:
        sys.stdout.write(f"{_described(token)}; {token.fault(now()) or 'is good'}\n")


@tokens.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(help="The ids of tokens, as `descentd token list` shows them.")],
    store: Store = None,
) -> None:
    """Revoke tokens; running servers notice within a second. All of them or none."""

    async def revoked(kept: Accounts) -> Sequence[Token]:
        known = {token.id: token for token in await kept.tokens()}
        for id in ids:
            if id not in known:
                raise NotFound(f"There is no token {repr(id)[:80]}: `descentd token list` shows their ids.")
        await kept.revoke(ids, now())
        of = [known[id] for id in ids]
        await kept.record_accesses([_command("token revoke", _described(token)) for token in of])
        return of

    for token in _at_accounts(store, revoked):
        sys.stdout.write(f"Revoked {token.id} of {token.person}\n")


def at_store(url: str | None, work: Callable[["Opened"], Awaitable[Result]], *, new: bool = False) -> Result:
    """The result of `work` on the store at `url` (None: that of the settings), which is created if it may be `new`.

    Raises what `Settings.read` and `with_store` raise. Both are imported here, so that `--help` does without.
    """
    from descentd.app.server.settings import Settings
    from descentd.app.server.store_url import with_store

    async def done(store: "Opened") -> Result:
        return await work(store)

    return asyncio.run(with_store(Settings.read(store=url).store, done, new=new))


def _at_accounts(url: str | None, work: Callable[[Accounts], Awaitable[Result]], *, new: bool = False) -> Result:
    return at_store(url, lambda store: work(store.accounts), new=new)


def _check_spelling(person: str, known: Sequence[Token]) -> None:
    """Raise InvalidInput for a person who is known under another spelling: reviews would count the two as one."""
    key = accounts.person_key(person)
    other = next((token.person for token in known if accounts.person_key(token.person) == key), person)
    if other != person:
        raise InvalidInput(f"{person} is known as {other}, and the two count as one person: write it like that.")


def _role(given: str) -> AccessRole:
    try:
        return AccessRole(given)
    except ValueError:
        raise InvalidInput(f"There is no role {repr(given)[:80]}: give one of {', '.join(AccessRole)}.") from None


def _expiry(given: str | None, moment: int) -> int | None:
    if given is None:
        return None
    age = _AGE.fullmatch(given)
    try:
        expires = moment + int(age[1]) * _MICROSECONDS[age[2]] if age else given_instant(given)
        rfc3339(expires)
    except (InvalidInput, OverflowError):
        raise InvalidInput(f"Expected --expires as 90d or 2030-01-15T10:00:00Z, got {repr(given)[:80]}.") from None
    if expires <= moment:
        raise InvalidInput(f"--expires {given} has passed already: give a moment in the future.")
    return expires


def _described(token: Token) -> str:
    roles = ", ".join(sorted(token.roles))
    until = "without end" if token.expires_at is None else f"until {rfc3339(token.expires_at)}"
    return f"{token.id} of {token.person} ({roles}), {until}"


def _shape(token: Token) -> dict[str, object]:
    times = {"created": token.created_at, "expires": token.expires_at, "revoked": token.revoked_at}
    return {
        "id": token.id,
        "person": token.person,
        "roles": sorted(token.roles),
        **{name: None if moment is None else rfc3339(moment) for name, moment in times.items()},
    }


def _command(operation: str, detail: str) -> Access:
    return Access(now(), getpass.getuser(), "command line", "", "descentd", operation, "OK", detail)
