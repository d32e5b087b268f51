"""Forms: what was filled in, and the tokens by which a form is known to be of a page of ours.

A token is a random part and a signature over it and the session, another one in each page. Its random part is also the
idempotency key of what the form does, so that a double click does it once.
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from descentd.app.http.negotiation import read_body, require_content_type
from descentd.graph.model.errors import Forbidden, InvalidInput

_LARGEST: Final = 256 * 1024
"""Bytes of a form."""
LARGEST_ACT: Final = 4 * 1024 * 1024
"""Bytes of the form of an act: much more than it may say, so that it is shown again with what was written."""
_LONGEST: Final = 250_000
"""Characters of a text; each takes up to 12 bytes."""
_FIELDS: Final = 100
_FORM: Final = "application/x-www-form-urlencoded"

TOKEN: Final = "token"  # noqa: S105 - the name of a field
"""The field that holds the token."""


class FormRefused(Forbidden):
    """A form that is refused whoever sends it, by where it comes from; `titled` is its title in the texts of errors."""

    def __init__(self, titled: str, message: str) -> None:
        super().__init__(message)
        self.titled = titled


class FormTokens:
    """Makes and checks the tokens of forms, by the session key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, session: str) -> str:
        """A token for a form of a page that is shown in a session."""
        random = secrets.token_urlsafe(18)
        return f"{random}.{self._signed(session, random)}"

    def check(self, session: str, token: str) -> str:
        """The random part of a token; raises FormRefused where it was not made for this session."""
        random, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signed(session, random).encode()):
            raise FormRefused(
                "old_form",
                "The form is of a page that was opened before you signed in or out, or before the server was started "
                "anew: open the page again, and send it from there.",
            )
        return random

    def _signed(self, session: str, random: str) -> str:
        return hmac.digest(self._key, f"form\n{session}\n{random}".encode(), "sha256").hex()


async def read_form(request: Request, largest: int = _LARGEST) -> dict[str, str]:
    """What was filled in, by field; of a field that is there several times the values are joined by line breaks.

    Raises Refusal for a body that is no form or too large, InvalidInput for too many fields, and FormRefused where no
    page of this server sent it: browsers say where a form comes from. A form can be read again; nothing is in it then
    where it was refused.
    """
    if hasattr(request.state, "form"):
        return dict(request.state.form)
    request.state.form = {}
    if request.headers.get("origin") is None and request.headers.get("sec-fetch-site") not in {None, "same-origin"}:
        raise FormRefused(
            "foreign_form", "The form comes from another site: open the page here, and send it from there."
        )
    require_content_type(request.headers, _FORM)
    body = await read_body(request, largest)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput("The form cannot be read: open the page again and resend it.") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        text = value.replace("\r\n", "\n")
        fields[name] = f"{fields[name]}\n{text}" if name in fields else text
    request.state.form = fields
    return dict(fields)


def check_lengths(fields: Mapping[str, str]) -> None:
    """Raise InvalidInput for a text that is longer than a form may say."""
    for name, text in fields.items():
        if len(text) > _LONGEST:
            raise InvalidInput(
                f"The text has {len(text):,} characters, and a form takes at most {_LONGEST:,}: shorten it, or record "
                "it in parts.",
                name,
            )


def filled_in(fields: Mapping[str, str], name: str) -> str | None:
    """What was filled in for a field, None where it was left empty."""
    return fields.get(name, "").strip() or None


def confirmed_reason(fields: Mapping[str, str], missing: str, unconfirmed: str) -> str:
    """The reason of an act that its form asks to confirm.

    Raises InvalidInput with what is said where there is none, or where it is not confirmed.
    """
    reason = filled_in(fields, "reason")
    if reason is None:
        raise InvalidInput(missing, "reason")
    if fields.get("confirmed") != "yes":
        raise InvalidInput(f"{unconfirmed}: tick the box.", "confirmed")
    return reason
