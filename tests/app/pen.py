"""A schema with whatever plans have to run: animals in a pen, which fail, wait and are left out as a test says."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types import Info

from descentd.app.graphql.resolvers import batched


@strawberry.enum
class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


@strawberry.input
class Wish:
    """What may be wished for."""

    word: str = "please"
    times: int | None = None
    moods: list[Mood] | None = None


class Behaviour:
    """What resolvers do: the next of a list of things, over and over."""

    def __init__(self, steps: list[str]) -> None:
        self._steps = steps or ["value"]
        self._at = 0

    def __call__(self, place: str, value: Any) -> Any:
        """`value`, or what the place is to give instead of it; by name, so that order does not count."""
        step = self._steps[sum(place.encode()) % len(self._steps)]
        match step:
            case "none":
                return None
            case "raise":
                raise ValueError(f"no {place}")
            case "error":
                return ValueError(f"not {place}")
            case "wrong":
                return range  # of no type of the schema, and no list
            case _:
                return value


@strawberry.interface
class Animal:
    name: str
    mood: Mood | None = None

    @strawberry.field
    async def friends(self, info: Info, first: int = 2) -> list["Animal | None"]:
        await asyncio.sleep(0)
        return list(info.context("friends", [Cat(name="Tom", lives=9), Dog(name="Rex")][:first]))

    @strawberry.field
    @batched
    async def best(self, info: Info) -> "Animal":
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
        await future
        found: Animal = info.context(f"best of {self.name}", Dog(name="Rex", mood=Mood.CALM))
        return found


@strawberry.type
class Cat(Animal):
    lives: int


@strawberry.type
class Dog(Animal):
    @strawberry.field
    def bark(self, info: Info, wish: Wish | None = None, words: list[str] | None = None) -> str:
        said = "" if wish is None else f" {wish.word} {wish.times} {wish.moods}"
        return str(info.context("bark", f"{self.name}!{said} {words}"))


@strawberry.type
class Stone:
    weight: float | None


Thing = Annotated[Cat | Dog | Stone, strawberry.union("Thing")]


class Louder(FieldExtension):
    """Makes what a field gives louder."""

    def resolve(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        return next_(source, info, **kwargs).upper()


@strawberry.type
class Pen:
    number: int
    label: str | None
    animals: list[Animal]
    favourite: Animal | None
    grid: list[list[int | None]]
    stone: Stone | None = None

    @strawberry.field
    async def things(self, info: Info) -> list[Thing] | None:
        found: list[Any] = info.context("things", [Cat(name="Kit", lives=1), Stone(weight=1.5), Dog(name="Bo")])
        return found

    @strawberry.field
    def later(self, info: Info) -> list[int] | None:
        async def numbers() -> AsyncIterator[int]:
            yield 1
            yield self.number

        found: list[int] | None = info.context("later", numbers())
        return found

    @strawberry.field(extensions=[Louder()])  # type: ignore[untyped-decorator]
    def loud(self) -> str:
        return self.label or "nothing"


@strawberry.type
class Query:
    @strawberry.field
    def pens(self) -> list[Pen | None]:
        cat, dog = Cat(name="Tom", lives=9, mood=Mood.WILD), Dog(name="Rex")
        broken: Any = None
        return [
            Pen(number=1, label="a", animals=[cat, dog], favourite=dog, grid=[[1, None], []], stone=Stone(weight=2)),
            Pen(number=2, label=None, animals=[], favourite=None, grid=[]),
            Pen(number=3, label="b", animals=[Cat(name=broken, lives=1)], favourite=cat, grid=[]),
            Pen(number=broken, label="c", animals=[], favourite=None, grid=[]),
            Pen(number=2**40, label="d", animals=[], favourite=None, grid=[], stone=Stone(weight=float("nan"))),
        ]

    @strawberry.field
    async def pen(self, info: Info, number: int = 7, mood: Mood = Mood.CALM, wish: Wish | None = None) -> Pen | None:
        await asyncio.sleep(0)
        animals = [Cat(name=mood.value, lives=number), Dog(name=wish.word if wish else "Rex")]
        found: Pen | None = info.context("pen", Pen(number=number, label="x", animals=animals, favourite=None, grid=[]))
        return found

    @strawberry.field
    async def sure(self, info: Info) -> Pen:
        found: Pen = info.context("sure", Pen(number=1, label="y", animals=[], favourite=Dog(name="Al"), grid=[[3]]))
        return found

    @strawberry.field
    def animal(self, info: Info, name: str) -> Animal | None:
        found: Animal | None = info.context("animal", Dog(name=name))
        return found


SCHEMA = strawberry.Schema(Query, types=[Cat, Dog])


def behave(_place: str, value: Any) -> Any:
    return value
