"""Pages of named origins ask from a browser; of others, none. Nothing is named unless DESCENT_ORIGINS says so."""

import pytest

from descentd.app.server.settings import Settings
from descentd.graph.model.errors import InvalidInput
from tests.app.tiny import serving

pytestmark = pytest.mark.anyio
FRONT = "https://front.example"
QUERY = {"query": "{ node { name } }"}
PREFLIGHT = {"Origin": FRONT, "Access-Control-Request-Method": "POST"}


async def test_a_page_of_a_named_origin_asks_and_reads_the_answer() -> None:
    async with serving(origins=(FRONT,)) as client:
        asked = PREFLIGHT | {"Access-Control-Request-Headers": "authorization,content-type,x-request-id"}
        preflight = await client.options("/graphql", headers=asked)
        answer = await client.post("/graphql", json=QUERY, headers={"Origin": FRONT, "X-Request-Id": "of-the-page"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == FRONT
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert {"authorization", "content-type"} <= set(preflight.headers["access-control-allow-headers"].split(","))
    assert answer.json()["data"] == {"node": {"name": "n"}}
    assert answer.headers["access-control-allow-origin"] == FRONT
    assert "Origin" in answer.headers["vary"]
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    for one in (preflight, answer):  # no cookie counts for anything that programs ask
        assert "access-control-allow-credentials" not in one.headers


async def test_refusals_reach_the_page_too() -> None:
    async with serving(origins=(FRONT,)) as client:
        wrong = await client.post("/graphql", json=QUERY, headers={"Origin": FRONT, "Authorization": "Bearer wrong"})
        unreadable = await client.post("/graphql", content="{", headers={"Origin": FRONT})
    assert [wrong.status_code, unreadable.status_code] == [401, 415]
    assert [one.headers["access-control-allow-origin"] for one in (wrong, unreadable)] == [FRONT, FRONT]


@pytest.mark.parametrize("named", [(), (FRONT,)])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://front.example", "https://front.example:8443", f"{FRONT}.evil.example"]
)
async def test_other_origins_are_refused_with_the_setting(named: tuple[str, ...], origin: str) -> None:
    async with serving(origins=named) as client:
        preflight = await client.options("/graphql", headers=PREFLIGHT | {"Origin": origin})
        answer = await client.post("/graphql", json=QUERY, headers={"Origin": origin})
    for one in (preflight, answer):
        assert one.status_code == 403
        assert "access-control-allow-origin" not in one.headers
        [error] = one.json()["errors"]
        assert error["message"] == f"Pages of {origin} may not ask this server: add this origin to DESCENT_ORIGINS."
        assert error["extensions"] == {"code": "FORBIDDEN"}


async def test_a_page_without_an_origin_cannot_be_named() -> None:
    async with serving(origins=(FRONT,)) as client:
        answer = await client.post("/graphql", json=QUERY, headers={"Origin": "null"})
    assert answer.status_code == 403
    assert "without an origin (null)" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("path", ["/", "/sign-in", "/reviews", "/gate/model:m@1", "/metrics", "/webhooks/alerts"])
async def test_pages_with_sessions_and_webhooks_stay_closed_to_named_origins(path: str) -> None:
    async with serving(origins=(FRONT,)) as client:
        preflight = await client.options(path, headers=PREFLIGHT)
        answer = await client.post(path, content="act=note", headers={"Origin": FRONT})
    for one in (preflight, answer):
        assert one.status_code == 403
        assert "access-control-allow-origin" not in one.headers
        assert "only pages of this server may ask" in one.json()["detail"]


async def test_where_none_is_named_no_preflight_is_answered() -> None:
    async with serving() as client:
        own = {"Origin": "http://localhost", "Access-Control-Request-Method": "POST"}
        preflight = await client.options("/graphql", headers=own)
        answer = await client.post("/graphql", json=QUERY, headers={"Origin": "http://localhost"})
    assert preflight.status_code == 405
    assert answer.status_code == 200
    for one in (preflight, answer):
        assert not [name for name in one.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("HTTPS://Front.Example", "https://front.example"),
        ("https://front.example:443", "https://front.example"),
        ("http://front.example:80", "http://front.example"),
        ("http://front.example:443", "http://front.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_are_named_as_browsers_write_them(given: str, named: str) -> None:
    assert Settings.read(store="memory:", origins=(given,)).origins == (named,)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("https://front.example", ["https://front.example"]),
        ("https://front.example, http://localhost:3000,", ["https://front.example", "http://localhost:3000"]),
        ('["https://front.example"]', ["https://front.example"]),
        ("", []),
        ("[]", []),
    ],
)
def test_origins_are_listed_with_commas_or_as_json(
    given: str, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESCENT_ORIGINS", given)
    assert list(Settings.read(store="memory:").origins) == named


def test_a_list_of_origins_that_is_cut_off_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_ORIGINS", '["https://front.example"')
    with pytest.raises(InvalidInput, match=r"DESCENT_ORIGINS\) cannot be used: Expected origins with commas"):
        Settings.read(store="memory:")


@pytest.mark.parametrize(
    "given", ["*", "null", "", "front.example", "https://front.example/", "https://a.example/app", "ftp://a.example"]
)
def test_what_is_no_origin_stops_the_start(given: str) -> None:
    with pytest.raises(InvalidInput, match=r"DESCENT_ORIGINS\) cannot be used: Expected origins such as"):
        Settings.read(store="memory:", origins=(given,))


HEADERS = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8600"}, 200),
        ({"Host": "[::1]:8600"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "descent.example"}, 200),
        ({"Host": "descent.example:8600", "Origin": "http://descent.example:8600"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8600", "Origin": "http://evil.example:8600"}, 403),
        ({"Host": "localhost:8600", "Origin": "http://localhost:3000"}, 403),
        ({"Host": "localhost:8600", "Origin": "null"}, 403),
        ({"Host": "localhost:8600", "Origin": "http://[localhost:8600"}, 403),
    ],
)
async def test_foreign_names_and_pages_are_sent_away(headers: dict[str, str], status: int) -> None:
    async with serving(hosts=("descent.example",)) as client:
        answer = await client.get("/version", headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/graphql-response+json"),
        ("text/event-stream", "application/graphql-response+json"),
    ],
)
async def test_a_foreign_page_is_sent_away_in_the_shape_of_graphql(accept: str, answered: str) -> None:
    async with serving() as client:
        for foreign, setting in (
            ({"Host": "evil.example"}, "DESCENT_HOSTS"),
            ({"Origin": "http://evil.example"}, "DESCENT_ORIGINS"),
        ):
            headers = {**HEADERS, "Accept": accept, **foreign}
            answer = await client.post("/graphql", json={"query": "{ node { name } }"}, headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (403, answered)
            [error] = answer.json()["errors"]
            assert error["extensions"] == {"code": "FORBIDDEN"}
            assert f"to {setting}." in error["message"]
        elsewhere = await client.get("/version", headers={"Host": "evil.example"})
        assert elsewhere.headers["content-type"] == "application/problem+json"


async def test_headers_that_keep_browsers_out() -> None:
    async with serving() as client:
        answer = await client.get("/version")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
