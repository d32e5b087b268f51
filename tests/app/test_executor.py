"""The short way of executing gives what graphql-core alone gives, errors included."""

from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, execute, parse
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from descentd.app.graphql.executor import Executor


@strawberry.interface
class Animal:
    name: str


@strawberry.type
class Cat(Animal):
    lives: int


@strawberry.type
class Dog(Animal):
    @strawberry.field
    def bark(self) -> str:
        return f"{self.name}!"


@strawberry.type
class Pen:
    number: int
    label: str | None
    animals: list[Animal]
    favourite: Animal | None
    grid: list[list[int]]


@strawberry.type
class Query:
    @strawberry.field
    def pens(self) -> list[Pen | None]:
        cat, dog = Cat(name="Tom", lives=9), Dog(name="Rex")
        broken: Any = None
        return [
            Pen(number=1, label="a", animals=[cat, dog], favourite=dog, grid=[[1, 2], []]),
            Pen(number=2, label=None, animals=[], favourite=None, grid=[]),
            Pen(number=3, label="b", animals=[Cat(name=broken, lives=1)], favourite=cat, grid=[]),
            Pen(number=broken, label="c", animals=[], favourite=None, grid=[]),
            Pen(number=2**40, label="d", animals=[], favourite=None, grid=[]),
        ]


SCHEMA = strawberry.Schema(Query, types=[Cat, Dog])


def run(query: str, executor: Any, **variables: Any) -> ExecutionResult:
    result = execute(
        SCHEMA._schema, parse(query), variable_values=variables, executor_class=executor, operation_extensions=None
    )
    assert isinstance(result, ExecutionResult)
    return result


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
        "query ($no: Boolean = false) { pens { label @include(if: $no) favourite { name @skip(if: $no) } } }",
        "{ pens { ...A ...B } } fragment A on Pen { favourite { name } } fragment B on Pen { favourite { n: name } }",
    ],
)
def test_answers_and_errors_are_those_of_graphql_core(query: str) -> None:
    short, plain = (run(query, kind) for kind in (Executor, StrawberryGraphQLCoreExecutionContext))
    assert short.data == plain.data
    assert [error.formatted for error in short.errors or ()] == [error.formatted for error in plain.errors or ()]


def test_what_is_merely_read_is_not_executed_field_by_field(monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[str] = []
    ordinary = StrawberryGraphQLCoreExecutionContext.execute_field

    def counted(self: Any, parent: Any, source: Any, details: Any, *rest: Any) -> Any:
        executed.append(details[0].node.name.value)
        return ordinary(self, parent, source, details, *rest)

    monkeypatch.setattr(StrawberryGraphQLCoreExecutionContext, "execute_field", counted)
    run("{ pens { label grid animals { __typename } favourite { __typename } } }", Executor)
    assert executed == ["pens"]
