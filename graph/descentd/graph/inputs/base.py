"""The base of all inputs, which refuses unknown fields, and the scalars of their fields with their checks.

Field names are snake_case here and camelCase on the wire. Validated inputs are in normal form: names in NFC, instants
in UTC, sets sorted.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Final, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from descentd.graph.inputs import plain
from descentd.graph.inputs.plain import plain_validator
from descentd.graph.model import names
from descentd.graph.model.characters import shows_something
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput
from descentd.graph.model.identity import Content, canonical, check_depth

LARGEST_COUNT = 2**53 - 1
LARGEST = 1e50
"""The largest absolute value of a measure, and its inverse the smallest but 0, so that no statistic overflows."""


def checked(check: Callable[[Any], Any]) -> AfterValidator:
    """A pydantic validator from a function that returns the normal form of a value or raises DescentError.

    Of a list, `field` of the error may say which element is wrong: `[2]`, or `[2].name`.
    """

    def validate(given: Any) -> Any:
        try:
            return check(given)
        except DescentError as error:
            raise ValueError(error.message) from error

    return AfterValidator(validate)


def wrong_part(message: str, part: str) -> ValueError:
    """What a check of a whole input raises for a part of it, `.pairedWith[2].n01`."""
    error = ValueError(message)
    error.__cause__ = InvalidInput(message, part)
    return error


def _json(given: Any) -> Any:
    check_depth(given)
    canonical(given)
    return given


def _prose(given: str) -> str:
    if not shows_something(given):
        what = "has nothing that can be seen" if given.strip() else "is empty"
        raise InvalidInput(f"The text {what}: write a sentence or leave the field out.")
    return given


def in_order(given: str | None) -> str | None:
    """A text; raises InvalidInput where it shows a part of itself in the other order."""
    if given is not None and (fault := names.fault_in_order(given)):
        raise InvalidInput(f"The text {fault}.")
    return given


_KEPT: Final = frozenset({str, int, float, bool, dict, list})
"""What is in JSON as it is here; lists and objects are those of JSON values."""


class AsSet(tuple[Any, ...]):
    """A set in canonical order; `places` are those that its elements had in the list that was given."""

    places: Sequence[int]


def unique(given: Iterable[Any]) -> tuple[Any, ...]:
    """A set in canonical order; raises InvalidInput if an element is given twice."""
    items = tuple(given)
    if len(items) < 2:
        return items
    keys = [canonical(_plain(item)) for item in items]
    places = sorted(range(len(items)), key=keys.__getitem__)
    for one, other in pairwise(places) if len(set(keys)) < len(keys) else ():
        if keys[one] == keys[other] and items[one] == items[other]:
            raise InvalidInput(
                f"This is given twice in what is a set, here and as element {one}: give it once.", f"[{other}]"
            )
    return as_set(items, places)


def as_set(items: Sequence[Any], places: Sequence[int]) -> AsSet:
    """The items in the order of these places, which it remembers."""
    ordered = AsSet(items[place] for place in places)
    ordered.places = places
    return ordered


def distinct(part: str) -> Callable[[Iterable[Any]], tuple[Any, ...]]:
    """A list in the order given, of which no two elements share `part`."""

    def check(given: Iterable[Any]) -> tuple[Any, ...]:
        items = tuple(given)
        seen: set[str] = set()
        for i, item in enumerate(items):
            value = getattr(item, part)
            if value in seen:
                raise InvalidInput(f"The {part} {repr(value)} is given twice: give it once.", f"[{i}].{part}")
            seen.add(value)
        return items

    return check


def single(part: str) -> Callable[[Iterable[Any]], tuple[Any, ...]]:
    """A set as of `unique`, of which no two elements share `part`."""
    told_apart = distinct(part)

    def check(given: Iterable[Any]) -> tuple[Any, ...]:
        items = tuple(given)
        ordered = unique(items)
        told_apart(items)
        return ordered

    return check


def _plain(item: Any) -> Any:
    return item.content() if isinstance(item, Input) else item


Name = Annotated[str, checked(names.name), Field(min_length=1), plain.NAME]
Value = Annotated[str, checked(names.text), Field(min_length=1, max_length=1000), plain.VALUE]
Prose = Annotated[str, checked(_prose), Field(min_length=1), plain.PROSE]
Description = Annotated[Prose | None, BeforeValidator(lambda given: None if given == "" else given)]
"""An optional text; an empty one is the same as none."""
Ref = Annotated[str, checked(names.ref), WithJsonSchema({"type": "string", "format": "ref"}), plain.REF]
Digest = Annotated[
    str,
    checked(names.digest),
    WithJsonSchema({"type": "string", "format": "digest", "pattern": plain.DIGEST.pattern}),
    plain.DIGEST,
]
Id = Annotated[str, checked(names.digest), WithJsonSchema({"type": "string", "format": "id"}), plain.DIGEST]
DateTime = Annotated[
    str,
    checked(names.date_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Count = Annotated[
    int,
    Strict(),
    Field(ge=0, le=LARGEST_COUNT),
    WithJsonSchema({"type": "integer", "format": "count", "minimum": 0, "maximum": LARGEST_COUNT}),
]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Flag = Annotated[bool, Strict()]
Json = Annotated[Any, checked(_json), WithJsonSchema({})]


class Input(BaseModel):
    """Base of all inputs: unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False, use_attribute_docstrings=True
    )

    def content(self, without: Collection[str] = ()) -> Content:
        """The input in wire names without what is absent, and without the fields of `without`; JSON values are kept."""
        wire, found = _wire_names(type(self)), {}
        for field, value in self.__dict__.items():  # in the order of the fields
            if value is None or field in without:
                continue
            if type(value) in _KEPT:
                found[wire[field]] = value
            elif not isinstance(value, tuple):
                found[wire[field]] = wire_content(value)
            elif value:
                found[wire[field]] = [wire_content(item) for item in value]
        return found

    @classmethod
    def read(cls, given: object) -> Self:
        """The input in normal form from its wire shape.

        Raises Invalid with up to 100 problems, each with its field.
        """
        try:
            return cast("Self", plain_validator(cls).validate_python(given))
        except ValidationError:
            pass  # which the exact checks say better
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = Invalid([_problem(details) for details in error.errors(include_url=False)])
            wrong.given = given
            raise wrong from None


@cache
def _wire_names(kind: type[Input]) -> Mapping[str, str]:
    return {field: to_camel(field) for field in kind.model_fields}


def wire_content(value: Any) -> Any:
    """A field's value as the JSON that content holds."""
    if type(value) in _KEPT:  # as most are
        return value
    if isinstance(value, Input):
        return value.content()
    if isinstance(value, tuple):
        return [wire_content(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


class AttributeInput(Input):
    """A value of an attribute, exact text after NFC."""

    attribute: Value
    """The attribute, for example `age_group`."""

    value: Value
    """The value, for example `65+`."""


Slice = Annotated[tuple[AttributeInput, ...], checked(single("attribute"))]


def place_given(given: Sequence[Any], i: int) -> int:
    """Where an element of a list of an input stood in the list that was given."""
    return given.places[i] if isinstance(given, AsSet) else i


def as_given(given: Input, field: str) -> str:
    """A field path into an input, with the places that elements of its sets had in the lists that were given."""
    written = ""
    at: Any = given
    for name, number in re.findall(r"(\w+)(?:\[(\d+)\])?", field):
        fields = {wire: own for own, wire in _wire_names(type(at)).items()} if isinstance(at, Input) else {}
        at = getattr(at, fields[name]) if name in fields else None
        written += f".{name}" if written else name
        if number:
            written += f"[{place_given(at or (), int(number))}]"
            at = at[int(number)] if isinstance(at, tuple) and int(number) < len(at) else None
    return written


@contextmanager
def naming_as_given(given: Input) -> Iterator[None]:
    """What is raised inside names the elements of sets by their places in the lists that were given."""
    try:
        yield
    except DescentError as error:
        error.field = error.field and as_given(given, error.field)
        raise


def path(location: Iterable[str | int]) -> str:
    """A field path in GraphQL names: `models[1].trainedOn[0].ref`."""
    written = ""
    for part in location:
        written += f"[{part}]" if isinstance(part, int) else f".{part}" if written else part
    return written


_NOT_FINITE: Final = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)
_EXPECTED: Final = {
    "string_type": "a text",
    "int_type": "an integer",
    "bool_type": "true or false",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "path_not_directory": "a folder that exists",
    "list_type": "a list",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "greater_than_equal": "a number ≥ {ge}",
    "less_than_equal": "a number ≤ {le}",
    "greater_than": "a number > {gt}",
    "less_than": "a number < {lt}",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
"""What a field expects, by pydantic's name of what is wrong with what was given."""


def expectation(details: ErrorDetails) -> str:
    """What a field expects, `Expected a number ≥ 0`, without what was given and without a full stop."""
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    wanted = _EXPECTED.get(details["type"])
    if wanted is None:
        return details["msg"]
    return f"Expected {wanted.format(**{name: _number(limit) for name, limit in details.get('ctx', {}).items()})}"


def _number(limit: object) -> object:
    return int(limit) if isinstance(limit, float) and limit.is_integer() and abs(limit) < LARGEST_COUNT else limit


def _element(details: ErrorDetails) -> str:
    """Which element of a list is wrong, where a check of the whole list says so."""
    error = details.get("ctx", {}).get("error")
    cause = error.__cause__ if isinstance(error, ValueError) else None
    return (cause.field or "") if isinstance(cause, DescentError) and (cause.field or "")[:1] in ("[", ".") else ""


def _problem(details: ErrorDetails) -> DescentError:
    field = path(details["loc"]) + _element(details)
    match details["type"]:
        case "extra_forbidden":
            return InvalidInput(f"There is no field {details['loc'][-1]!r}: correct or remove it.", field)
        case "missing":
            return InvalidInput(f"{details['loc'][-1]} is required: add it.", field)
        case "value_error":
            return InvalidInput(str(details["ctx"]["error"]), field)
        case "enum":
            return InvalidInput(f"Expected {details['ctx']['expected']}, got {repr(details['input'])[:80]}.", field)
        case "float_type" | "finite_number" | "int_type" if _NOT_FINITE.fullmatch(str(details["input"])):
            return InvalidInput(
                f"Expected a finite number, got {details['input']}: where nothing was measured, leave the result out.",
                field,
            )
        case _:
            return InvalidInput(f"{expectation(details)}, got {repr(details['input'])[:80]}.", field)
