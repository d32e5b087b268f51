"""No secret enters a record, and what only looks a little like one does."""

import json
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descent.masking import MASK, Masker, is_secret_name
from descent.training.draft import Draft
from descent.training.hashing import HashedFile

SECRET_NAMES = [
    "password", "db_password", "DB_PASSWD", "pwd", "secret", "client_secret", "clientSecret", "AWS_SECRET_ACCESS_KEY",
    "api_key", "apiKey", "apikey", "OPENAI_API_KEY", "x-api-key", "private_key", "credentials", "token", "HF_TOKEN",
    "hf_token", "hfToken", "access_token", "wandb.token", "auth_token", "token_2", "bearer", "authorization", "cookie",
    "AZURE_STORAGE_CONNECTION_STRING", "X-Amz-Signature", "sig", "sentry_dsn", "basic_auth", "ssh_key", "api_tokens",
    "openaiKey", "OpenAIKey", "wandb_key", "anthropic_key_2", "X-Goog-Signature", "slack_webhook_url",
]  # fmt: skip
HARMLESS_NAMES = [
    "pad_token", "eos_token", "bos_token", "unk_token", "mask_token", "cls_token", "image_token", "max_tokens",
    "max_new_tokens", "tokenizer", "token_type_ids", "tokens_per_batch", "next_token", "additional_special_tokens",
    "key", "keys", "key_size", "num_key_value_heads", "monkey", "keyboard", "author", "authority", "signal", "sigma",
    "secretary", "passes", "learning_rate", "dataset", "class_token", "stop_token", "primary_key", "sort_key",
    "signature", "auth", "google_keyboard", "bytes_per_token",
]  # fmt: skip
SECRETS = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789_~+", min_size=8, max_size=40).map(
    "Zq9".__add__
)
"""None of them occurs in a text by chance."""
ODD_SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\\*"), min_size=6).map(
    "Zq9".__add__
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(-1, 1)
    | st.sampled_from(["adamw", "cosine", "<pad>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(HARMLESS_NAMES), inner, max_size=3),
    max_leaves=8,
)


def masked(value: Any, environment: dict[str, str] | None = None) -> Any:
    return Masker(environment or {}).value(value)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_names_that_are_none_of_a_secret(name: str) -> None:
    assert not is_secret_name(name)


def put(value: Any, at: list[str | int], name: str, secret: Any) -> Any:
    """A config that has a secret under a name, in the depth that `at` leads to."""
    inside: Any = {name: secret, "beside": value}
    for step in at:
        inside = [value, inside] if isinstance(step, int) else {step: inside, "other": value}
    return inside


PLACES = st.lists(st.sampled_from(["optimizer", "data", 1]), max_size=4)


@given(JSON, PLACES, st.sampled_from(SECRET_NAMES), ODD_SECRETS)
def test_a_value_under_a_secret_name_is_in_no_config(value: Any, at: list[str | int], name: str, secret: str) -> None:
    for held in (secret, [secret, secret], {"value": secret}):
        clean = masked(put(value, at, name, held))
        assert secret not in json.dumps(clean, ensure_ascii=False)
        assert clean != put(value, at, name, held)


@given(JSON)
def test_what_holds_no_secret_stays_as_it_is(value: Any) -> None:
    masker = Masker({"HF_TOKEN": "Zq9abcdefghij", "PATH": "/usr/bin", "PWD": "/home/ana/adamw"})
    assert masker.value(value) == value
    assert masker.masked == []


@given(SECRETS, st.sampled_from(["{}", "see {} there", "--flag={}", "a:{}", "[{}]", "x{}y"]), PLACES)
def test_what_the_environment_keeps_secret_is_nowhere(secret: str, text: str, at: list[str | int]) -> None:
    config = put(1, at, "note", text.format(secret))
    assert secret not in json.dumps(masked(config, {"WANDB_API_KEY": secret}))
    keyed = masked({secret: 1, f"{secret}2": 2}, {"WANDB_API_KEY": secret})
    assert secret not in json.dumps(keyed)
    by_chance = any(is_secret_name(name) for name in (secret, f"{secret}2"))  # one that has "pwd" in it
    assert by_chance or sorted(keyed.values()) == [1, 2]


@given(SECRETS, SECRETS)
def test_no_part_of_a_manifest_has_a_secret(secret: str, password: str) -> None:
    address = f"https://ana:{password}@host/path"
    draft = Draft("m", "1", f"See {address} with {secret}.")
    draft.configure({"note": secret, "store": address, "list": ["--password", password], secret: 1})
    suite = {"name": "s", "version": "1", "config": {"api_key": password, "at": address}}
    draft.evaluate(suite, {"accuracy": 0.5}, {}, {"evaluator": f"ana {secret}"})
    profile = {"intended_use": f"Ask {address}.", "must_not_do": [secret], "notes": [{"author": "b", "text": address}]}
    draft.profile(profile)
    file = HashedFile(Path("m"), "sha256:" + "0" * 64, 1)
    code = {"repository": address, "commit": "1"}
    masker = Masker({"HF_TOKEN": secret})
    captured = {"code": code, "command": shlex.join(masker.command(["train.py", f"--token={password}", secret]))}
    whole = json.dumps(draft.manifest([(file, {"uri": address})], [], captured, masker), ensure_ascii=False)
    assert secret not in whole
    assert password not in whole
    assert "host/path" in whole


PASSWORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="@\"'<>\\ *?#"), min_size=6
).map("Zq9".__add__)


@given(st.sampled_from(["https", "postgresql", "s3", "git+https", "redis"]), st.sampled_from(["", "ana"]), PASSWORDS)
def test_addresses_lose_their_credentials(scheme: str, user: str, password: str) -> None:
    for text in ("{}://{}:{}@host:80/path", "from {}://{}:{}@host/a, later"):
        clean = Masker({}).text(text.format(scheme, user, password))
        assert password not in clean
        assert "host" in clean


QUERY_NAMES = [
    "token",
    "access_token",
    "X-Amz-Signature",
    "X-Goog-Signature",
    "sig",
    "api_key",
    "password",
    "auth_token",
]
PARAMETERS = st.lists(st.sampled_from(["part=1", "page=a:b", "empty=", "q=key", "sort=primary_key"]), max_size=3)
ADDRESS_IN = ["{}", "see {} there", "url={}", "--url={} --lr 1", "url: {}", '{{"url": "{}"}}', "url='{}'", "<{}>"]
HOSTS = ["https://host", "http://host:8080/a/b", "s3://bucket/key=value", "jdbc:postgresql://host/db", "//host/p", "/p"]


@given(
    st.sampled_from(ADDRESS_IN), st.sampled_from(HOSTS), PARAMETERS, st.sampled_from(QUERY_NAMES), SECRETS, PARAMETERS,
    st.sampled_from("?#"),
)  # fmt: skip
def test_addresses_lose_the_keys_in_their_query(
    text: str, host: str, before: list[str], name: str, secret: str, after: list[str], start: str
) -> None:
    def address(value: str) -> str:
        return text.format(f"{host}{start}{'&'.join([*before, f'{name}={value}', *after])}")

    clean = Masker({}).text(address(secret))
    assert secret not in clean
    # All else stays, except what is joined to the value without an ampersand, as ">" is.
    assert clean in (address(MASK), address(MASK).removesuffix(">"))
    assert Masker({}).text(clean) == clean


@given(
    st.sampled_from(ADDRESS_IN), st.sampled_from(HOSTS), PARAMETERS, st.sampled_from(QUERY_NAMES), SECRETS,
    st.integers(1, 3), st.sampled_from(["", "/:&="]), st.booleans(),
)  # fmt: skip
def test_addresses_in_a_query_lose_theirs_however_often_they_are_encoded(
    text: str, host: str, before: list[str], name: str, secret: str, times: int, safe: str, password: bool
) -> None:
    def address(value: str) -> str:
        inner = f"https://ana:{value}@inner" if password else f"{host}?{'&'.join([*before, f'{name}={value}'])}"
        for _ in range(times):
            inner = quote(inner, safe=safe + MASK)
        return text.format(f"https://outer/?next={inner}&part=1")

    clean = Masker({}).text(address(secret))
    assert secret not in unquote(unquote(unquote(clean)))
    assert "outer" in clean
    assert "part=1" in clean
    if not password and not safe:
        assert clean == address(MASK)
    assert Masker({}).text(clean) == clean


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://host/?%74oken=abc&part=1", "https://host/?%74oken=***&part=1"),
        ("https://host/?access%5Ftoken=abc", "https://host/?access%5Ftoken=***"),
        ("https://host/?q=caf%C3%A9%20token", "https://host/?q=caf%C3%A9%20token"),
        ("https://host/a%20b?q=100%&page=%zz", "https://host/a%20b?q=100%&page=%zz"),
        ("https://host/?next=%2Fin%3Fpart%3D1", "https://host/?next=%2Fin%3Fpart%3D1"),
        ("https://host/?q=key%20hf_aaaaaaaaaaaaaaaaaaaa", "https://host/?q=key%20***"),
    ],
)
def test_what_is_encoded_stays_encoded(address: str, clean: str) -> None:
    assert Masker({}).text(address) == clean


def test_what_the_environment_keeps_secret_is_found_however_it_is_encoded() -> None:
    masker = Masker({"API_KEY": "a/b c+d"})
    for encoded in ("a%2Fb%20c%2Bd", "a%2fb%20c%2bd", "%61%2Fb%20c%2Bd"):
        assert masker.text(f"https://host/?q={encoded}&part=1") == "https://host/?q=***&part=1"


@given(st.sampled_from(HOSTS), PARAMETERS)
def test_queries_without_secrets_stay(host: str, parameters: list[str]) -> None:
    address = f"{host}?{'&'.join(parameters)}"
    assert Masker({}).text(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "https://host:8080/path@v2",
        "hf://gpt2@main/model.safetensors",
        "https://host/a?b=c#d@e",
        "git@github.com:org/repo.git",
        "ssh://git@github.com/org/repo.git",
        "s3://bucket/key=value/part-0.parquet",
        "https://host/list?key=models/part-0",
        "https://host/list?sort=asc&key=name",
        "file:///home/ana/model.safetensors",
        "oci://registry/model@sha256:" + "a" * 64,
    ],
)
def test_addresses_without_credentials_stay_as_they_are(address: str) -> None:
    assert Masker({}).text(address) == address


@pytest.mark.parametrize(
    "token",
    [
        "hf_" + "a" * 34, "ghp_" + "A1" * 18, "github_pat_" + "A1_" * 10, "glpat-" + "a1" * 10, "sk-proj-" + "a1" * 20,
        "AKIA" + "A1" * 8, "AIza" + "a1" * 18, "xoxb-1234567890-abcdef", "npm_" + "a1" * 18, "pypi-" + "Ag" * 20,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "sk_live_" + "a1" * 12,
        "dop_v1_" + "a1" * 32, "SG." + "a1" * 11 + "." + "b2" * 20, "xapp-1-A0123-456", "gsk_" + "a1" * 20,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_well_known_tokens_are_masked_wherever_they_are(token: str) -> None:
    for text in (token, f"use {token}, please", f'{{"x": "{token}"}}'):
        assert token not in Masker({}).text(text)
        assert token[5:] not in Masker({}).text(text)


@given(st.sampled_from(SECRET_NAMES), ODD_SECRETS.filter(lambda secret: "=" not in secret))
def test_command_lines_lose_their_secrets(name: str, secret: str) -> None:
    option = f"--{name}"
    for arguments in (
        [option, secret],
        [f"{option}={secret}"],
        [f"db.{name}={secret}"],
        [f"{option}={secret} {secret}"],
    ):
        shown = Masker({}).command(["train.py", "--epochs", "3", *arguments, "last"])
        assert secret not in " ".join(shown)
        assert shown[:3] == ["train.py", "--epochs", "3"]
        assert shown[-1] == "last"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"password": "a\\"b c", "user": "ana"}', '{"password": "***", "user": "ana"}'),
        ("Server=db;Password=hunter2;Port=1", "Server=db;Password=***;Port=1"),
        ("Authorization: Basic YWxhZGRpbjpvcGVu", "Authorization: ***"),
        ("curl -H 'Authorization: Bearer abc123def456'", "curl -H 'Authorization: ***'"),
        ("with Bearer abc123def456", "with Bearer ***"),
        ("a bearer of good news", "a bearer of good news"),
        ("Bearer abcdefgh", "Bearer ***"),
        ("with Bearer abc.def.ghi there", "with Bearer *** there"),
        ('auth: "Bearer abcdefgh"', 'auth: "***"'),
        ("auth: basic", "auth: basic"),
        ("post to https://hooks.slack.com/services/T0/B0/abc now", "post to https://hooks.slack.com/services/*** now"),
        ("https://host/v1?key=AIzb12345678901234&alt=json", "https://host/v1?key=***&alt=json"),
        ("--api-key 8f3kd92jf", "--api-key ***"),
        ("train --password hunter22 --lr 1", "train --password *** --lr 1"),
        ("train --password 'hunter 22' --lr 1", "train --password '***' --lr 1"),
        ('["--password", "hunter22", "--lr"]', '["--password", "***", "--lr"]'),
        ("train --use-auth-token --lr 1", "train --use-auth-token --lr 1"),
        ("train --max-tokens 12 --lr 1", "train --max-tokens 12 --lr 1"),
        ("pretrained=org/m,api_key=abc", "pretrained=org/m,api_key=***"),
        ("pad_token: <pad>, lr=0.1", "pad_token: <pad>, lr=0.1"),
        ("password='unfinished", "password='***"),
    ],
)
def test_secrets_inside_of_texts(text: str, clean: str) -> None:
    assert Masker({}).text(text) == clean


def test_flags_and_numbers_of_tokens_stay() -> None:
    config = {"use_auth_token": True, "token": 0, "password": None, "secret": "", "sequence": {"token": 7}}
    assert masked(config) == config


def test_a_number_too_large_for_the_id_of_a_token_is_a_secret() -> None:
    assert masked({"token": 12_345_678, "hf_token": 9_999_999}) == {"token": MASK, "hf_token": 9_999_999}


def test_what_was_masked_is_named() -> None:
    masker = Masker({})
    masker.value({"a": {"password": "x"}, "b": ["https://u:p@host", "ok"], "c": 1}, ("config",))
    assert masker.masked == ["config.a.password", "config.b[0]"]
