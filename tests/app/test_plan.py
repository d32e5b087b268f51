"""Plans give what graphql-core's own executor gives: data in the same order, and the same errors."""

import asyncio
import gc
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import pytest
from graphql import ExecutionResult, OperationDefinitionNode, execute, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from descentd.app.graphql.executor import Executor
from descentd.app.graphql.plan import Plan
from tests.app.pen import SCHEMA, Behaviour, behave


@dataclass(frozen=True)
class Answer:
    """What came of an operation, without the tracebacks of its errors, which keep alive what was going on."""

    data: Any
    errors: list[tuple[list[Any], str]]
    """Path and shape of each."""

    @classmethod
    def of(cls, result: Any) -> Self:
        errors = [(list(e.path or ()), json.dumps(e.formatted, default=str)) for e in result.errors or ()]
        return cls(result.data, sorted(errors, key=str))


@contextmanager
def ignoring(leftovers: str) -> Iterator[None]:
    """graphql-core does not close the coroutines of fields that it gives up: they are reported in here, or never."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", leftovers, RuntimeWarning)
        yield
        gc.collect()


def ordinary(query: str, context: Any, variables: Mapping[str, Any]) -> Answer:
    """By graphql-core alone."""

    async def run() -> Answer:
        result = execute(
            SCHEMA._schema,
            parse(query),
            context_value=context,
            variable_values=dict(variables),
            executor_class=StrawberryGraphQLCoreExecutionContext,
            operation_extensions=None,
        )
        return Answer.of(result if isinstance(result, ExecutionResult) else await result)

    with ignoring("coroutine .* was never awaited"):
        return asyncio.run(run())


def planned(query: str, context: Any, *variables: Mapping[str, Any]) -> list[Answer]:
    """By one plan, which is run once for each of the variables."""
    document = parse(query)
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    plan = Plan(SCHEMA, document, operation)

    async def run() -> list[Answer]:
        return [Answer.of(await plan.execute(given, context)) for given in variables]

    with ignoring(r"coroutine 'Executor\..* was never awaited"):
        return asyncio.run(run())


def same(query: str, *variables: Mapping[str, Any], context: Any = behave) -> None:
    assert not validate(SCHEMA._schema, parse(query))
    for given_, found in zip(variables, planned(query, context, *variables), strict=True):
        plain = ordinary(query, context, given_)
        assert json.dumps(found.data) == json.dumps(plain.data)
        assert found.errors == plain.errors


@pytest.mark.parametrize(
    "query",
    [
        "{ pens { label } }",
        "{ pens { __typename n: label label } }",
        "{ pens { number } }",
        "{ pens { grid number label } }",
        "{ pens { label animals { __typename name } } }",
        "{ pens { label animals { name ... on Cat { lives } ... on Dog { bark } } favourite { __typename } } }",
        "{ pens { label favourite { ...on Cat { lives } } } }",
        "{ pens { label animals { best { name mood best { name } } } favourite { friends(first: 1) { name } } } }",
        "query ($no: Boolean = false) { pens { label @include(if: $no) favourite { name @skip(if: $no) } } }",
        "{ pens { ...A ...B } } fragment A on Pen { favourite { name } } fragment B on Pen { favourite { n: name } }",
        "{ pens { stone { weight } things { ... on Stone { weight } ... on Animal { name best { name } } } } }",
        "{ pens { later loud } }",
        "{ __typename __schema { queryType { name } } pen { label } }",
        '{ a: animal(name: "a") { name } b: animal(name: "b") { name ... on Dog { bark(words: "one") } } }',
        '{ __type(name: "Pen") { fields { name } } }',
        "{ pen(number: 3, mood: WILD, wish: {times: 2, moods: [CALM]}) { animals { name ... on Cat { lives } } } }",
        "{ sure { favourite { best { name } friends { name best { name } } } } }",
        " ".join(["{", *(f"p{i}: pen(number: {i}) {{ number }}" for i in range(12)), "}"]),
    ],
)
def test_answers_and_errors_are_those_of_graphql_core(query: str) -> None:
    same(query, {}, {})


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($n: Int! = 3) { pen(number: $n) { number } }", [{}, {"n": 4}, {"n": None}, {"n": "x"}, {"n": 2**31}]),
        ("query ($m: Mood!) { pen(mood: $m) { animals { name } } }", [{"m": "WILD"}, {"m": "MILD"}, {}, {"m": None}]),
        (
            "query ($w: Wish) { pen(wish: $w) { animals { name } } }",
            [{"w": {"times": 1}}, {"w": {"no": 1}}, {"w": None}],
        ),
        ('query ($t: Int) { pen(wish: {word: "a", times: $t}) { animals { name } } }', [{"t": 1}, {}, {"t": "x"}]),
        ("query ($n: String!) { animal(name: $n) { name } }", [{"n": "a"}, {"n": 1}, {}, {"n": None, "m": 1}]),
        (
            "query ($w: [String!]) { pens { animals { ... on Dog { bark(words: $w) } } } }",
            [{"w": ["a"]}, {"w": "b"}, {}],
        ),
        ("query ($f: Int!) { sure { favourite { friends(first: $f) { name } } } }", [{"f": 1}, {"f": 0}]),
        (
            """query ($a: Boolean!, $b: Boolean = true) { pens { label @include(if: $a) ...F @skip(if: $b) } }
            fragment F on Pen { number @include(if: $a) loud }""",
            [{"a": a} | more for a in (True, False) for more in ({}, {"b": True}, {"b": False})],
        ),
    ],
)
def test_one_plan_answers_for_all_variables(query: str, variables: list[dict[str, Any]]) -> None:
    same(query, *variables, *reversed(variables))


def test_more_combinations_of_what_is_skipped_than_are_kept() -> None:
    fields = " ".join(f"f{i}: label @include(if: $v{i})" for i in range(6))
    query = f"query ({' '.join(f'$v{i}: Boolean!' for i in range(6))}) {{ sure {{ number {fields} }} }}"
    same(query, *({f"v{i}": bool(n >> i & 1) for i in range(6)} for n in range(64)))


STEPS = st.lists(st.sampled_from(["value", "value", "value", "none", "raise", "error", "wrong"]), max_size=12)


@settings(deadline=None)
@given(from_schema(str(SCHEMA)), STEPS)
def test_generated_operations_are_answered_as_by_graphql_core(query: str, steps: list[str]) -> None:
    found = planned(query, Behaviour(steps), {})[0]
    plain = ordinary(query, Behaviour(steps), {})
    assert json.dumps(found.data) == json.dumps(plain.data)
    # Which of several errors below one null are told depends on which came first.
    mine, theirs = nulled(found), nulled(plain)
    assert mine.keys() == theirs.keys()
    for place, errors in mine.items():
        if len(errors) == len(theirs[place]) == 1:
            assert errors == theirs[place]


def nulled(answer: Answer) -> dict[tuple[Any, ...], list[str]]:
    """The errors of an answer by the place at which they left null."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for path, shape in answer.errors:
        value: Any = answer.data
        place: list[Any] = []
        for key in path:
            if value is None:
                break
            value, place = value[key], [*place, key]
        assert value is None
        found.setdefault(tuple(place), []).append(shape)
    return found


def test_what_is_usual_is_left_to_graphql_core_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(self: Any, parent: Any, source: Any, details: Any, *rest: Any) -> Any:
        asked.append(details[0].node.name.value)
        return StrawberryGraphQLCoreExecutionContext.execute_field(self, parent, source, details, *rest)

    monkeypatch.setattr(Executor, "execute_field", counted)
    query = """query ($n: Int, $if: Boolean!) {
        pen(number: $n, wish: {word: "Al"}) {
            number @include(if: $if)
            animals { __typename name ... on Dog { bark } ... on Cat { lives } }
            favourite { best { name } }
            things { ... on Stone { weight } }
        }
        __type(name: "Pen") { name }
    }"""
    (found,) = planned(query, behave, {"n": 1, "if": True})
    assert not found.errors
    assert found.data["pen"]["animals"][1] == {"__typename": "Dog", "name": "Al", "bark": "Al! None"}
    assert asked == ["__type", "name"]
