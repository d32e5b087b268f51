"""Tokens of an identity provider: those for this registry are taken, and nothing else is."""

import asyncio
import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from descentd.app.auth.oidc import OIDCVerifiers
from descentd.app.server.main import create
from descentd.graph.model.errors import InvalidInput, Unauthenticated
from tests.app.command_line import call
from tests.app.oidc import AUDIENCE, ISSUER, ask, claims, serving, settings, signed
from tests.app.tokens import new_token
from tests.support.identity_provider import EC, RSA, IdentityProvider
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.anyio
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})
NEXT = ECKey.generate_key("P-256", {"kid": "next"})
LOG = "{ accessLog(first: 1) { edges { node { person credential outcome detail operation } } } }"
REGISTER = 'mutation { register(manifest: {models: [{name: "m", version: "1"}]}) { records { id } } }'
REVIEW = (
    'mutation { review(input: {subject: "model:m@1", environment: "production", decision: GO, reason: "Seen."}) '
    "{ id } }"
)


async def test_who_is_vouched_for_registers_under_that_name(provider: IdentityProvider) -> None:
    async with serving(provider.url) as client:
        assert (await ask(client, signed(sub="repo:org/models"), REGISTER)).json()["data"]["register"]["records"]
        entity = '{ entity(ref: "model:m@1") { recordedBy } }'
        answer = await ask(client, signed(EC, "ES256", roles="viewer"), entity)
        assert answer.json()["data"]["entity"] == {"recordedBy": "repo:org/models"}
        refused = (await ask(client, signed(roles=["viewer"]), REGISTER)).json()["errors"]
        assert [error["extensions"]["code"] for error in refused] == ["FORBIDDEN"]
        assert (await ask(client, None)).status_code == 401


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(alg: str) -> str:
    return f"{b64({'alg': alg, 'kid': 'rsa'})}.{b64(claims())}."


def mixed_up() -> str:
    """The public key taken for a shared secret."""
    body = f"{b64({'alg': 'HS256', 'kid': 'rsa'})}.{b64(claims())}"
    signature = hmac.digest(RSA.as_pem(private=False), body.encode(), "sha256")
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def critical() -> str:
    header = {"alg": "RS256", "kid": "rsa", "crit": ["x"], "x": "y"}
    registry = JWSRegistry(header_registry={"x": HeaderParameter("X", "str")}, algorithms=["RS256"])
    return jwt.encode(header, claims(), RSA, registry=registry)


def changed() -> str:
    head, _, signature = signed().split(".")
    return f"{head}.{b64(claims(sub='admin', roles=['admin']))}.{signature}"


NOW = int(time.time())
BAD = {
    "another audience": (lambda: signed(aud="elsewhere"), "not for this registry"),
    "other audiences": (lambda: signed(aud=["a", "b"]), "not for this registry"),
    "no audience": (lambda: signed(aud=None), "not for this registry"),
    "another issuer": (lambda: signed(iss="https://evil.example"), "not for this registry"),
    "no issuer": (lambda: signed(iss=None), "not for this registry"),
    "expired": (lambda: signed(exp=NOW - 3600), "has expired"),
    "expired, past the leeway": (lambda: signed(exp=int(time.time()) - 61), "has expired"),
    "no end": (lambda: signed(exp=None), "not for this registry"),
    "an end that is no number": (lambda: signed(exp="soon"), "not for this registry"),
    "an end that is NaN": (lambda: signed(exp=float("nan")), "not for this registry"),
    "not yet valid": (lambda: signed(nbf=int(time.time()) + 600), "not for this registry, or not now"),
    "issued in the future": (lambda: signed(iat=int(time.time()) + 600), "not for this registry, or not now"),
    "alg none": (lambda: unsigned("none"), "not one that the identity provider signed"),
    "alg None": (lambda: unsigned("None"), "not one that the identity provider signed"),
    "no algorithm": (lambda: f"{b64({'kid': 'rsa'})}.{b64(claims())}.", "not one that the identity provider signed"),
    "a public key as a secret": (mixed_up, "not one that the identity provider signed"),
    "an algorithm that is not allowed": (lambda: signed(alg="RS512"), "not one that the identity provider signed"),
    "another key of that name": (lambda: signed(OTHER), "not one that the identity provider signed"),
    "a key for another algorithm": (lambda: signed(RSA, header={"kid": "ec"}), "not one that the identity provider"),
    "an unknown key": (lambda: signed(NEXT, "ES256"), "not one that the identity provider signed"),
    "a key that it brings itself": (lambda: signed(OTHER, header={"jwk": OTHER.as_dict(private=False)}), "not one"),
    "what must be understood": (critical, "not one that the identity provider signed"),
    "changed": (changed, "not one that the identity provider signed"),
    "nonsense": (lambda: "a.b.c", "not one that the identity provider signed"),
    "dots": (lambda: "..", "not one that the identity provider signed"),
    "encrypted": (lambda: "a.b.c.d.e", "not one of this registry's"),
    "nobody": (lambda: signed(sub=None), "names no person"),
    "a person with a line break": (lambda: signed(sub="ci\nadmin"), "names nobody"),
    "a person that is a list": (lambda: signed(sub=["ci"]), "not for this registry"),
    "very long": (lambda: signed(padding="x" * 20_000), "nothing after the token"),
}


@pytest.mark.parametrize(("token", "said"), BAD.values(), ids=BAD)
async def test_refused(provider: IdentityProvider, token: Any, said: str) -> None:
    async with serving(provider.url) as client:
        answer = await ask(client, token(), REGISTER)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        [error] = answer.json()["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}
        assert said in error["message"]
        log = (await ask(client, signed(roles=["auditor"]), LOG)).json()
        [edge] = log["data"]["accessLog"]["edges"]
        refusal = {"person": None, "credential": None, "outcome": "UNAUTHENTICATED", "operation": ""}
        assert edge["node"] == refusal | {"detail": error["message"]}
        assert log["extensions"]["sequence"] == 0


async def test_clocks_may_be_apart_a_little(provider: IdentityProvider) -> None:
    async with serving(provider.url) as client:
        moment = int(time.time())
        late = signed(exp=moment - 20, nbf=moment + 20, iat=moment + 20, aud=["x", AUDIENCE])
        assert (await ask(client, late)).status_code == 200
    async with serving(provider.url, oidc_leeway=0) as client:
        assert (await ask(client, late)).status_code == 401


@pytest.mark.parametrize(
    ("claim", "mapping", "given", "roles"),
    [
        ("roles", {}, {"roles": ["reviewer", "boss"]}, {"reviewer"}),
        ("roles", {}, {"roles": "viewer auditor"}, set()),
        ("roles", {}, {"roles": "auditor"}, {"auditor"}),
        ("roles", {}, {"roles": None}, set()),
        ("roles", {}, {"roles": {"admin": True}}, set()),
        ("roles", {"ml": ["registrar", "evaluator"]}, {"roles": ["ml", "admin"]}, {"registrar", "evaluator"}),
        ("realm.roles", {}, {"realm": {"roles": ["viewer"]}}, {"viewer"}),
        ("https://x/roles.a", {}, {"https://x/roles.a": ["viewer"]}, {"viewer"}),
        ("sub", {"repo:a b": ["registrar"]}, {"sub": "repo:a b"}, {"registrar"}),
        ("sub", {"repo:a": ["registrar"]}, {"sub": "repo:b"}, set()),
    ],
)
async def test_roles(tmp_path: Path, claim: str, mapping: Any, given: dict[str, Any], roles: set[str]) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [RSA.as_dict(private=False)]}))
    identities = OIDCVerifiers(settings(str(file), oidc_roles_claim=claim, oidc_roles=mapping))
    identity = await identities.verified(signed(**given))
    assert {role.value for role in identity.roles} == roles


async def test_a_person_by_another_claim(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [RSA.as_dict(private=False)]}))
    identities = OIDCVerifiers(settings(str(file), oidc_person_claim="email"))
    assert (await identities.verified(signed(email="ada@example.org"))).person == "ada@example.org"
    with pytest.raises(Unauthenticated):
        await identities.verified(signed())


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_audience": None},
        {"oidc_jwks": "http://issuer.example/jwks"},
        {"oidc_algorithms": ("none",)},
        {"oidc_algorithms": ("RS256", "HS256")},
        {"oidc_algorithms": ()},
    ],
)
def test_settings_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        create(settings("https://issuer.example/jwks").model_copy(update=wrong))


def test_a_server_process(provider: IdentityProvider, store_file: str) -> None:
    environment = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "JWKS": provider.url, "ROLES": '{"ml": ["registrar"]}'}
    told: dict[str, Any] = {f"DESCENT_OIDC_{name}": value for name, value in environment.items()}
    with ServerProcess(store_file, **told) as server, server.client() as client:
        for token, status in ((signed(roles=["ml"]), 200), (signed(roles=["registrar"]), 403), (signed(aud="x"), 401)):
            headers = {"Authorization": f"Bearer {token}"}
            assert client.post("/graphql", json={"query": REGISTER}, headers=headers).status_code == status
        assert client.post("/graphql", json={"query": REGISTER}).status_code == 401


async def test_claims_are_compared_whole(provider: IdentityProvider) -> None:
    """Where the subject gives the roles, a space in it is a character of a name that somebody chose."""
    other = {"oidc_roles_claim": "sub", "oidc_roles": {"registrar": ["registrar"], "repo:a b": ["registrar"]}}
    async with serving(provider.url, **other) as client:
        for sub, allowed in (("x registrar", False), ("registrar y", False), ("registrar", True), ("repo:a b", True)):
            errors = (await ask(client, signed(sub=sub), REGISTER)).json().get("errors")
            assert (errors is None) == allowed, sub
    async with serving(provider.url) as client:
        refused = (await ask(client, signed(roles="viewer registrar"), REGISTER)).json()
        assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_several_claims_can_be_required(provider: IdentityProvider) -> None:
    required = {"repository_owner_id": ["123"], "environment": ["production", "staging"]}
    fine: dict[str, Any] = {"repository_owner_id": "123", "environment": "staging"}
    async with serving(provider.url, oidc_required_claims=required) as client:
        assert (await ask(client, signed(**fine))).status_code == 200
        for wrong in ({"repository_owner_id": "1234"}, {"environment": None}, {"environment": "production staging"}):
            answer = await ask(client, signed(**(fine | wrong)))
            assert answer.status_code == 401
            assert next(iter(wrong)) in answer.json()["errors"][0]["message"]


async def test_people_of_different_sources_are_different_people(provider: IdentityProvider) -> None:
    async with serving(provider.url, oidc_person_prefix=None) as client:
        answer = await ask(client, signed(sub="ada@example.org"), "{ me { person } }")
    assert answer.json()["data"]["me"]["person"] == "issuer.example:ada@example.org"


async def test_whoever_started_a_job_is_the_person_who_did_what_it_does(provider: IdentityProvider) -> None:
    """Ada's job registers a version: neither she nor another job of hers decides on it, and Bo does."""
    job: dict[str, Any] = {"sub": "repo:org/models:ref:refs/heads/main", "roles": ["registrar", "reviewer"]}
    async with serving(provider.url, oidc_person_prefix=None) as client:
        assert (await ask(client, signed(**job, actor="ada"), REGISTER)).json()["data"]["register"]["records"]
        entity = (await ask(client, signed(), '{ entity(ref: "model:m@1") { recordedBy } }')).json()
        assert entity["data"]["entity"] == {"recordedBy": "issuer.example:ada"}
        for own in (signed(**job, actor="ada"), signed(**job, actor="Ada"), signed(sub="ada", roles=["reviewer"])):
            [error] = (await ask(client, own, REVIEW)).json()["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN", error
        for other in (signed(**job, actor="bo"), signed(sub="cy", roles=["reviewer"])):
            assert "errors" not in (await ask(client, other, REVIEW)).json()
        log = (
            await ask(client, signed(roles=["auditor"]), LOG.replace("first: 1", 'person: "issuer.example:bo"'))
        ).json()
        [edge] = log["data"]["accessLog"]["edges"]
        assert edge["node"]["credential"] == "oidc issuer.example:repo:org/models:ref:refs/heads/main"


@pytest.mark.parametrize("actor", [["ada"], "", "a\nb", 7, {"login": "ada"}])
async def test_an_actor_that_names_nobody_is_not_passed_over(provider: IdentityProvider, actor: Any) -> None:
    """Otherwise the job would act as itself, and whoever started it could review what it registered."""
    async with serving(provider.url) as client:
        assert (await ask(client, signed(actor=actor), REGISTER)).status_code == 401


async def test_the_claim_of_the_actor_is_configured(provider: IdentityProvider) -> None:
    async with serving(provider.url, oidc_actor_claim="ci.user") as client:
        mine = await ask(client, signed(ci={"user": "ada"}, actor="bo"), "{ me { person } }")
        assert mine.json()["data"]["me"]["person"] == "ada"
    async with serving(provider.url, oidc_actor_claim="") as client:
        assert (await ask(client, signed(actor="bo"), "{ me { person } }")).json()["data"]["me"]["person"] == "ci"


async def test_a_namesake_from_another_source_is_another_person(provider: IdentityProvider, store_file: str) -> None:
    """The owner of a token called ada is not the ada whom an issuer knows, and may decide on what she registered."""
    own = await asyncio.to_thread(new_token, store_file, "ada", "reviewer")
    async with serving(provider.url, oidc_person_prefix=None, store=store_file) as client:
        assert "errors" not in (await ask(client, signed(actor="ada"), REGISTER)).json()
        assert "errors" not in (await ask(client, own, REVIEW)).json()


CI = "https://ci.example"


def ci(keys: str, **more: Any) -> dict[str, Any]:
    return {"issuer": CI, "audience": "ci", "jwks": keys, "roles_claim": "sub", "roles": {"job": ["registrar"]}} | more


@pytest.fixture
def keys_of_ci(tmp_path: Path) -> str:
    """The file of the public keys of a second issuer."""
    file = tmp_path / "ci.json"
    file.write_text(json.dumps({"keys": [NEXT.as_dict(private=False)]}))
    return str(file)


def signed_by_ci(**other: Any) -> str:
    return signed(NEXT, "ES256", **{"iss": CI, "aud": "ci", "sub": "job", "roles": None, **other})


async def test_several_issuers_each_by_its_own_keys_audience_and_claims(
    provider: IdentityProvider, keys_of_ci: str
) -> None:
    """People are known by one, and CI's jobs by another; namesakes are told apart."""
    async with serving(provider.url, oidc_person_prefix=None, oidc_others=[ci(keys_of_ci)]) as client:
        for token, person in (
            (signed(sub="job"), "issuer.example:job"),
            (signed_by_ci(), "ci.example:job"),
            (signed_by_ci(actor="ada"), "ci.example:ada"),
        ):
            me = (await ask(client, token, "{ me { person roles } }")).json()["data"]["me"]
            assert me == {"person": person, "roles": ["registrar"]}
        for wrong in (
            signed(iss=CI, aud="ci", sub="job"),
            signed(NEXT, "ES256"),
            signed_by_ci(aud=AUDIENCE),
            signed(aud="ci"),
            signed_by_ci(iss="https://evil.example"),
            signed_by_ci(iss=["https://ci.example"]),
            signed_by_ci(exp=NOW - 3600),
        ):
            assert (await ask(client, wrong)).status_code == 401


async def test_an_issuer_that_is_away_does_not_keep_those_of_another_out(
    provider: IdentityProvider, keys_of_ci: str
) -> None:
    async with serving(provider.url + "-moved", oidc_others=[ci(keys_of_ci)]) as client:
        assert (await ask(client, signed())).status_code == 503
        assert (await ask(client, signed_by_ci(), REGISTER)).json()["data"]["register"]["records"]


async def test_one_that_is_named_beside_none_is_the_only_one(keys_of_ci: str) -> None:
    none = {"oidc_issuer": None, "oidc_audience": None, "oidc_jwks": None, "oidc_person_prefix": None}
    async with serving("", **none, oidc_others=[ci(keys_of_ci)]) as client:
        assert (await ask(client, signed_by_ci())).status_code == 200
        assert (await ask(client, signed())).status_code == 401
        assert (await ask(client, None)).status_code == 401


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([{"issuer": ISSUER, "audience": "x"}], "named twice"),
        ([{"issuer": "https://issuer.example/b", "audience": "x"}], "would have the same names"),
        ([{"issuer": CI, "audience": "x", "algorithms": ["HS256"]}], "leave out 'HS256'"),
        ([{"issuer": CI, "audience": "x", "jwks": "http://ci.example/jwks"}], "changed on the way"),
    ],
)
def test_issuers_that_are_not_told_apart_stop_the_start(others: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        create(settings("https://issuer.example/jwks", oidc_person_prefix=None, oidc_others=others))


def test_others_are_set_by_a_variable(keys_of_ci: str, store_file: str) -> None:
    others = json.dumps([ci(keys_of_ci)])
    with ServerProcess(store_file, DESCENT_OIDC_OTHERS=others) as server, server.client() as client:
        headers = {"Authorization": f"Bearer {signed_by_ci()}"}
        assert client.post("/graphql", json={"query": REGISTER}, headers=headers).status_code == 200
        assert client.post("/graphql", json={"query": REGISTER}).status_code == 401
    for wrong in ("{", '[{"issuer": "https://ci.example"}]', json.dumps([ci(keys_of_ci, colour="red")])):
        done = call("serve", "--store", store_file, "--port", "0", DESCENT_OIDC_OTHERS=wrong)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert "DESCENT_OIDC_OTHERS" in done.stderr
