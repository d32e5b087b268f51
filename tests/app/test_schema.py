"""The schema as clients meet it: described throughout, exported as committed, and as the contract has it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from descentd.app.graphql.schema.root import schema

ROOT = Path(__file__).parents[2]
EXPORTED = ROOT / "schema.graphql"


def undescribed(whole: GraphQLSchema) -> Iterator[str]:
    for name, kind in whole.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        if not kind.description:
            yield name
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, about in kind.fields.items():
                if not about.description:
                    yield f"{name}.{field}"
                yield from (f"{name}.{field}({arg})" for arg, given in about.args.items() if not given.description)
        elif isinstance(kind, GraphQLInputObjectType):
            yield from (f"{name}.{field}" for field, about in kind.fields.items() if not about.description)


def test_everything_has_a_description() -> None:
    assert list(undescribed(build_schema(EXPORTED.read_text("utf-8")))) == []


def test_what_has_none_is_found() -> None:
    bare = build_schema('type Query { f(a: I): E } input I { x: Int } enum E { V } """Scalar.""" scalar S')
    assert set(undescribed(bare)) == {"Query", "Query.f", "Query.f(a)", "I", "I.x", "E"}


def without_moment(whole: GraphQLSchema) -> set[str]:
    assert whole.query_type is not None
    return {name for name, field in whole.query_type.fields.items() if "asOf" not in field.args}


def test_every_question_may_be_asked_as_of_a_moment() -> None:
    """But for the erosions of everything, which are kept for now alone, proofs, which name a size of the log instead,
    what is in no log: accesses, who asks; and `node`, which Relay takes with one argument: `entity` has it."""
    assert without_moment(build_schema(EXPORTED.read_text("utf-8"))) == {
        *("erosions", "erosionGroups", "policyTrial", "accessLog", "me", "proof", "node")
    }


def test_a_question_without_a_moment_is_found() -> None:
    assert without_moment(build_schema("type Query { f(asOf: String): Int g: Int h(at: String): Int }")) == {"g", "h"}


def test_the_exported_schema_is_the_one_that_is_served() -> None:
    assert EXPORTED.read_text("utf-8") == schema.as_str().rstrip() + "\n"


def test_the_contract_is_kept(shared: Path) -> None:
    checked = subprocess.run(
        [sys.executable, shared / "tools" / "contract-check.py", EXPORTED],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
