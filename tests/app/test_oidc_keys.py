"""The keys of an identity provider: where they are found, when they are fetched again, and which are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.app.command_line import call
from tests.app.oidc import AUDIENCE, ISSUER, ask, serving, signed
from tests.support.identity_provider import RSA, IdentityProvider

pytestmark = pytest.mark.anyio
NEXT = ECKey.generate_key("P-256", {"kid": "next"})


async def test_keys_that_rotate_are_found(provider: IdentityProvider) -> None:
    async with serving(provider.url, oidc_refetch=0) as client:
        assert (await ask(client, signed())).status_code == 200
        assert (await ask(client, signed(NEXT, "ES256"))).status_code == 401
        provider.keys = [NEXT]
        assert (await ask(client, signed(NEXT, "ES256"))).status_code == 200
        assert (await ask(client, signed())).status_code == 401


async def test_unknown_keys_make_nobody_ask_again_and_again(provider: IdentityProvider) -> None:
    async with serving(provider.url, oidc_refetch=3600) as client:
        for _ in range(5):
            assert (await ask(client, signed(NEXT, "ES256"))).status_code == 401
        assert (await ask(client, signed())).status_code == 200
    assert provider.fetched == 1


async def test_a_provider_that_is_away_is_our_trouble_and_not_the_callers(
    provider: IdentityProvider, tmp_path: Path
) -> None:
    for source in (provider.url + "-moved", str(tmp_path / "nothing.json")):
        async with serving(source) as client:
            answer = await ask(client, signed())
            assert answer.status_code == 503
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
            assert answer.headers["retry-after"] == "1"


async def test_a_file_of_keys_holds_no_secrets(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [RSA.as_dict(private=True)]}))
    async with serving(str(file)) as client:
        assert (await ask(client, signed())).status_code == 503


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("{", "JSON"),
        ("{}", "no list of keys"),
        ('{"keys": [{"kty": "oct", "k": "x"}]}', "secret"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used_stops_the_start(tmp_path: Path, text: str | None, reason: str) -> None:
    file = tmp_path / "jwks.json"
    if text is not None:
        file.write_text(text)
    told = {"DESCENT_OIDC_ISSUER": ISSUER, "DESCENT_OIDC_AUDIENCE": AUDIENCE, "DESCENT_OIDC_JWKS": str(file)}
    done = call("serve", "--store", f"sqlite:///{tmp_path / 'r.db'}", "--port", "0", **told)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "DESCENT_OIDC_JWKS" in done.stderr
    assert reason in done.stderr


async def test_the_issuer_names_its_keys(provider: IdentityProvider) -> None:
    other = {"oidc_jwks": None, "oidc_issuer": provider.issuer}
    async with serving("", **other) as client:
        assert (await ask(client, signed(iss=provider.issuer))).status_code == 200
        assert (await ask(client, signed())).status_code == 401


@pytest.mark.parametrize("wrong", [{"issuer": ISSUER}, {"jwks_uri": "http://keys.example/jwks"}, {"jwks_uri": None}])
async def test_a_discovery_document_that_cannot_be_trusted_is_not(
    provider: IdentityProvider, wrong: dict[str, Any]
) -> None:
    provider.document |= wrong
    async with serving("", oidc_jwks=None, oidc_issuer=provider.issuer) as client:
        assert (await ask(client, signed(iss=provider.issuer))).status_code == 503
