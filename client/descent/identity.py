"""Who asks: a token from the environment, or the identity that a CI system gives to a job (OpenID Connect)."""

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from descent.errors import DescentError

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SECONDS: Final = 30.0


class NoIdentity(DescentError):
    """The CI system did not give the job an identity token."""


def token_for(url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token to send to the registry at an address; None if none is configured.

    That is DESCENT_TOKEN, else DESCENT_ID_TOKEN (an id token that the job has in a variable, as in GitLab), else an
    identity token of GitHub Actions for the audience DESCENT_AUDIENCE. GitHub is asked only if that is set, and
    identity tokens are sent only over TLS or to this machine: whoever receives one can act as the job.
    Raises NoIdentity.
    """
    if token := environment.get("DESCENT_TOKEN"):
        return token
    id_token, audience = environment.get("DESCENT_ID_TOKEN"), environment.get("DESCENT_AUDIENCE")
    if not id_token and not audience:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise NoIdentity.because(
            f"The identity of a job is sent over TLS only, and {parts.scheme}://{parts.hostname} has none: set "
            "DESCENT_URL to an https address."
        )
    return id_token or _from_github(str(audience), environment)


def _from_github(audience: str, environment: Mapping[str, str]) -> str:
    """Return an id token of a job of GitHub Actions (GitHub Docs, OpenID Connect reference)."""
    url, secret = (environment.get(f"ACTIONS_ID_TOKEN_REQUEST_{part}") for part in ("URL", "TOKEN"))
    if not url or not secret:
        raise NoIdentity.because(
            "DESCENT_AUDIENCE is set, but the job may not ask for an identity token: give it `permissions: id-token: "
            "write` in GitHub Actions, put the id token into DESCENT_ID_TOKEN in GitLab, or set DESCENT_TOKEN."
        )
    import httpx2

    try:
        answer = httpx2.get(
            httpx2.URL(url).copy_merge_params({"audience": audience}),
            headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
            timeout=_SECONDS,
        )
        value = answer.raise_for_status().json()["value"]
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError):
        value = None
    if not isinstance(value, str) or not value:
        raise NoIdentity.because("GitHub gave the job no identity token: run the job again, and check its permissions.")
    return value
