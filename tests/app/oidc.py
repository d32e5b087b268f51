"""Tokens as an identity provider signs them, and a server in this process that takes them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import Key

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from tests.support.identity_provider import RSA

ISSUER, AUDIENCE = "https://issuer.example", "descent"
WHO = "query { __typename }"


def claims(**other: Any) -> dict[str, Any]:
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ci", "roles": ["registrar"], "exp": int(time.time()) + 300}
    return {name: value for name, value in (usual | other).items() if value is not None}


def signed(key: Key = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **other: Any) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid} | (header or {}), claims(**other), key, algorithms=[alg])


def settings(jwks: str, **other: Any) -> Settings:
    return Settings(
        **{
            "store": "memory:",
            "oidc_issuer": ISSUER,
            "oidc_audience": AUDIENCE,
            "oidc_jwks": jwks,
            "oidc_person_prefix": "",
            **other,
        }
    )


@asynccontextmanager
async def serving(jwks: str, **other: Any) -> AsyncIterator[httpx2.AsyncClient]:
    app = create(settings(jwks, **other))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


async def ask(client: httpx2.AsyncClient, token: str | None, query: str = WHO) -> httpx2.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await client.post("/graphql", json={"query": query}, headers=headers)
