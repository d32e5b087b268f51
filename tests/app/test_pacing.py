"""Large operations: others have their turns while they run, and they end at a limit, if possible before they run."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st
from strawberry.types import Info

from descentd.app.auth.authorization import READERS
from descentd.app.graphql import fields, operations, reads
from descentd.app.graphql.context import context
from descentd.app.graphql.executor import Executor
from descentd.app.graphql.limits import Shares
from descentd.app.graphql.schema import register
from descentd.app.graphql.schema.inputs import wire
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph import work
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.registration import register as registration
from descentd.graph.registration.partial_manifest import partial_manifest

pytestmark = [
    pytest.mark.anyio,
    # graphql-core does not close the resolvers of fields that it cancels before it began with them.
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Resolved:
    """How many fields were resolved since somebody else had a turn, and at most."""

    since = 0
    most = 0

    @classmethod
    def count(cls) -> None:
        cls.since += 1
        cls.most = max(cls.most, cls.since)


@strawberry.type
class Item:
    """Something with twelve others."""

    number: int

    @strawberry.field
    async def name(self, info: Info) -> str:
        Resolved.count()
        context(info).answered_at(1)
        await asyncio.sleep(0)
        return f"n{self.number}"

    @strawberry.field
    async def items(self, broken: bool = False) -> list["Item"]:
        Resolved.count()
        if broken and self.number == 7:
            raise RuntimeError("no")
        return [Item(number=i) for i in range(12)]


@strawberry.type
class Query:
    """Questions."""

    @strawberry.field
    async def many(self, first: int = 100, refs: list[int] | None = None) -> list[Item]:
        return [Item(number=i) for i in range(first if refs is None else 1)]

    @strawberry.field
    async def lineage(self, limit: int = 500) -> Item:
        return Item(number=limit)

    @strawberry.field
    async def trained_on(self) -> int:
        return 1

    @strawberry.field
    async def asked(self, number: int) -> int | None:
        Resolved.count()
        await asyncio.sleep(0)
        return number


SCHEMA = strawberry.Schema(Query)
TABLE = {f"Query.{field}": READERS for field in ("many", "lineage", "trainedOn", "asked", "__typename")}


@asynccontextmanager
async def served(*given: Any, **named: Any) -> AsyncIterator[httpx2.AsyncClient]:
    app = create(*given, **named)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


def serving(**settings: Any) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    """Serves the schema above."""
    return served(Settings(store="memory:", **settings), SCHEMA, table=TABLE)


async def ask(client: httpx2.AsyncClient, query: str, **variables: Any) -> Any:
    return (await client.post("/graphql", json={"query": query, "variables": variables})).json()


async def test_a_large_operation_leaves_others_their_turns() -> None:
    ended = asyncio.Event()

    async def others() -> None:
        while not ended.is_set():
            Resolved.since = 0
            await asyncio.sleep(0)

    async with serving(request_timeout=3600) as client:
        Resolved.most = 0
        turning = asyncio.create_task(others())
        answer = await ask(client, "{ many(first: 20) { name items { name items { name items { name } } } } }")
        ended.set()
        await turning
    assert len(answer["data"]["many"]) == 20
    assert answer["data"]["many"][19]["items"][11]["items"][11]["items"][11] == {"name": "n11"}
    assert Resolved.most < 4_000, "so many fields were resolved in one turn of 41,000"


async def test_many_questions_at_once_have_to_wait_for_each_other() -> None:
    """Eight operations of one person, each with as many questions as it may have."""
    ended = asyncio.Event()

    async def others() -> None:
        while not ended.is_set():
            Resolved.since = 0
            await asyncio.sleep(0)

    questions = " ".join(f"a{i}: asked(number: {i})" for i in range(100))
    async with serving(request_timeout=3600) as client:
        Resolved.most = 0
        turning = asyncio.create_task(others())
        answers = await asyncio.gather(*(ask(client, f"{{ {questions} }}") for _ in range(8)))
        ended.set()
        await turning
    assert all(answer["data"] == {f"a{i}": i for i in range(100)} for answer in answers)
    assert Resolved.most < 400, "so many of 800 questions were begun in one turn"


async def test_it_ends_at_the_limit_and_leaves_nothing_behind() -> None:
    async with serving(max_fields=20_000) as client:
        answer = await ask(client, "{ many { items { items { items { items { items { name } } } } } } }")
        assert answer["errors"][0]["extensions"]["code"] == "TOO_COSTLY"
        assert "more than 20000 fields" in answer["errors"][0]["message"]
        for _ in range(100):
            await asyncio.sleep(0)
        left = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
        assert not [name for name in left if name.startswith("Executor.")]
        assert (await ask(client, "{ many(first: 1) { name } }"))["data"] == {"many": [{"name": "n0"}]}


async def test_the_deadline_stops_what_only_computes() -> None:
    async with serving(request_timeout=0.2, max_fields=10**9) as client:
        answer = await ask(client, "{ many { items { items { items { items { items { items { name } } } } } } } }")
    assert "longer than 0.2 seconds" in answer["errors"][0]["message"]


@pytest.mark.parametrize("broken", [False, True])
async def test_turns_change_no_answer(broken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "query ($b: Boolean!) { many(first: 15) { number items(broken: $b) { name items { number name } } } }"
    answers = []
    for steps, many in ((10**9, 10**9), (0, 3)):
        monkeypatch.setattr(work, "STEPS", steps)
        monkeypatch.setattr(work, "_FEWEST", min(steps, 40))
        monkeypatch.setattr(reads, "MANY", many)
        monkeypatch.setattr(fields, "MANY", many)
        async with serving() as client:
            answers.append(await ask(client, query, b=broken))
    for answer in answers:
        for error in answer.get("errors", ()):
            del error["extensions"]["correlationId"], error["message"]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("query", "variables", "refused"),
    [
        ("{ " + " ".join(f"a{i}: lineage(limit: 10000) {{ number }}" for i in range(100)) + " }", {}, True),
        ("{ " + " ".join(f"a{i}: trainedOn" for i in range(100)) + " }", {}, True),
        ("query ($n: Int!) { lineage(limit: $n) { items { items { items { number } } } } }", {"n": 10_000}, False),
        ("query ($n: Int = 1000) { many(first: $n) { items { ...F } } } fragment F on Item { number }", {}, False),
        (
            "query ($n: Int = 2000) { a: lineage(limit: $n) { ...F } } fragment F on Item { "
            + " ".join(f"i{i}: items {{ number }}" for i in range(99))
            + " }",
            {},
            True,
        ),
        ("{ lineage(limit: 1000000000) { number } }", {}, False),
        (f"{{ many(refs: [{'1 ' * 1000}]) {{ items {{ number }} }} }}", {}, False),
        ("query ($r: [Int!]) { many(refs: $r) { items { items { number } } } }", {"r": [1] * 40_000}, True),
        ("query ($r: [Int!]) { many(refs: $r) { items { items { number } } } }", {"r": [1] * 30_000}, False),
    ],
)
async def test_page_sizes_are_multiplied_before_anything_is_run(
    query: str, variables: dict[str, Any], refused: bool
) -> None:
    async with serving() as client:
        answer = await ask(client, query, **variables)
    assert ("data" not in answer) == refused
    if refused:
        assert answer["errors"][0]["extensions"]["code"] == "TOO_COSTLY"
        assert "at most 100000 is allowed" in answer["errors"][0]["message"]


@given(st.lists(st.sampled_from("ab"), max_size=30), st.integers(1, 4))
def test_everybody_has_a_share(people: list[str], size: int) -> None:
    async def run() -> None:
        shares, running = Shares(size), dict.fromkeys("ab", 0)

        async def operation(person: str) -> None:
            async with shares.of(person):
                running[person] += 1
                assert running[person] <= size
                await asyncio.sleep(0)
                running[person] -= 1

        await asyncio.gather(*map(operation, people))
        assert not shares._held

    asyncio.run(run())


@pytest.mark.parametrize("number", [3, 150])
async def test_a_large_manifest_is_read_beside_the_loop(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read_in: list[bool] = []

    def read(given: Any) -> ManifestInput:
        read_in.append(threading.current_thread() is threading.main_thread())
        return ManifestInput.read(wire(given))

    monkeypatch.setattr(register, "_read", read)
    query = "mutation M($m: ManifestInput!) { register(manifest: $m) { created existing } }"
    models: list[dict[str, Any]] = [{"name": "many", "version": str(i), "config": {"seed": i}} for i in range(number)]
    wrong = [*models[:-1], {"name": "many", "version": "x", "colour": "red"}]
    async with served(Settings(store="memory:")) as client:
        refused = await ask(client, query, m={"models": wrong})
        answer = await ask(client, query, m={"models": models})
    assert [error["extensions"]["field"] for error in refused["errors"]] == [f"models[{number - 1}].colour"]
    assert answer["data"] == {"register": {"created": 2 * number, "existing": 0}}
    assert read_in == [number == 3]


async def test_a_wrong_manifest_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, threading.Thread] = {}

    def noting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any) -> Any:
            threads[name] = threading.current_thread()
            return function(*given)

        return noted

    monkeypatch.setattr(operations, "_wrong_manifest", noting("whole", operations._wrong_manifest))
    monkeypatch.setattr(registration, "partial_manifest", noting("parts", partial_manifest))
    query = "mutation M($m: ManifestInput!) { register(manifest: $m) { created } }"
    async with served(Settings(store="memory:")) as client:
        refused = await ask(client, query, m={"models": [{"name": "a", "version": "1", "colour": "red"}]})
    assert [error["extensions"]["field"] for error in refused["errors"]] == ["models[0].colour"]
    assert set(threads) == {"whole", "parts"}
    assert threading.main_thread() not in threads.values()


async def test_the_schema_is_described_beside_the_loop_and_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[threading.Thread] = set()
    execute_field = Executor.execute_field

    def noted(self: Executor, parent: Any, *given: Any) -> Any:
        if parent.name == "__Schema":
            threads.add(threading.current_thread())
        return execute_field(self, parent, *given)

    monkeypatch.setattr(Executor, "execute_field", noted)
    described = "__schema { types { name fields { name } } }"
    async with served(Settings(store="memory:", max_fields=20_000)) as client:
        answer = await ask(client, f'{{ {described} kind: __type(name: "Query") {{ name }} }}')
        many = await ask(client, "{ " + " ".join(f"a{i}: {described}" for i in range(50)) + " }")
        wrong = await ask(client, "query ($n: String!) { __type(name: $n) { name } }", n=None)
    assert "Query" in {kind["name"] for kind in answer["data"]["__schema"]["types"]}
    assert answer["data"]["kind"] == {"name": "Query"}
    assert "more than 20000 fields" in many["errors"][0]["message"]
    assert wrong["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert threads
    assert threading.main_thread() not in threads
