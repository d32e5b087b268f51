"""Other people's GraphQL clients in an environment of their own: packages of npm and PyPI, as their locks have them."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    build_schema,
    get_named_type,
)

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = Path(__file__).parent / "clients"
SCHEMA: Final = ROOT / "schema.graphql"
_CACHE: Final = ROOT / ".cache" / "peers"
_TIMEOUT: Final = 300


def _prepared(name: str, locks: Sequence[str], command: Sequence[str]) -> Path:
    """A folder that a command filled from some lock files, once for as long as these are the same."""
    content = b"".join((SOURCES / lock).read_bytes() for lock in locks)
    folder = _CACHE / f"{name}-{hashlib.sha256(content).hexdigest()[:8]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for one in locks:
                shutil.copy(SOURCES / one, folder)
            run(command, folder)
            (folder / "ready").touch()
    return folder


def run(command: Sequence[str], folder: Path) -> str:
    """What a command writes to stdout; raises AssertionError with all that it wrote where it fails."""
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def npm() -> Path:
    """A folder with `node_modules` and our scripts; raises RuntimeError without Node."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise RuntimeError("Node 20 or newer, with npm, is needed to try the clients of others")
    locks = ("package.json", "package-lock.json", ".npmrc")
    folder = _prepared("npm", locks, ("npm", "ci", "--no-progress"))
    for script in SOURCES.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


@cache
def python(lock: str = "requirements.txt") -> str:
    """A Python with the packages of a lock file: not all clients take the same version of graphql-core."""
    make = f"{sys.executable} -m venv venv && venv/bin/pip install --quiet --require-hashes -r {lock}"
    name = "python" + lock.removeprefix("requirements").removesuffix(".txt")
    return str(_prepared(name, (lock,), ("sh", "-c", make)) / "venv" / "bin" / "python")


@cache
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text("utf-8"))


def connections() -> list[tuple[str, ...]]:
    """The path of fields from Query to each connection of the schema, through the shortest way that is no list."""
    found: list[tuple[str, ...]] = []

    # One step below the fields of Query: what is farther down is a field of a record, and asked for by its `node`.
    def search(kind: GraphQLObjectType, path: tuple[str, ...]) -> None:
        for name, field in kind.fields.items():
            inner = get_named_type(field.type)
            if {"first", "after"} <= field.args.keys() and inner.name.endswith("Connection"):
                found.append((*path, name))
            elif not path and isinstance(inner, GraphQLObjectType):
                search(inner, (*path, name))

    query = schema().query_type
    assert query
    search(query, ())
    return found


def fragment_of(path: Sequence[str]) -> str:
    """A pagination fragment over a connection, as `usePaginationFragment` takes it, and a query that spreads it."""
    query: Any = schema().query_type
    name = "".join(part[0].upper() + part[1:] for part in path)
    needed: dict[str, str] = {}
    lines: list[str] = []
    for place, part in enumerate(path):
        field: GraphQLField = query.fields[part]
        given = [f"{argument}: ${argument}" for argument in _required(field)]
        needed |= {argument: str(field.args[argument].type) for argument in _required(field)}
        if place < len(path) - 1:
            lines.append(f"{part}{_listed(given)} {{")
        else:
            given += ["first: $count", "after: $cursor"]
            lines.append(
                f'{part}{_listed(given)} @connection(key: "{name}_{part}") {{ edges {{ node {{ __typename }} }} }}'
            )
        query = get_named_type(field.type)
    body = "\n".join([*lines, *("}" for _ in path[:-1])])
    declared = [f'{argument}: {{ type: "{kind}" }}' for argument, kind in needed.items()]
    declared += ['count: { type: "Int", defaultValue: 2 }', 'cursor: { type: "String" }']
    variables = [f"${argument}: {kind}" for argument, kind in needed.items()]
    passed = [f"{argument}: ${argument}" for argument in needed]
    return f"""
      fragment {name}Page_query on Query
      @refetchable(queryName: "{name}PageRefetch") @argumentDefinitions({", ".join(declared)}) {{
        {body}
      }}
      query {name}PageQuery{_listed(variables)} {{
        ...{name}Page_query{" @arguments" + _listed(passed) if passed else ""}
      }}
    """


def _required(field: GraphQLField) -> list[str]:
    return [
        name
        for name, argument in field.args.items()
        if isinstance(argument.type, GraphQLNonNull) and argument.default_value is Undefined
    ]


def _listed(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)})" if parts else ""
