"""Other clients stay right over a real server: Relay, Apollo, urql, graphql-codegen, gql and ariadne-codegen."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import other_clients
from tests.peers.other_clients import SCHEMA, SOURCES, connections, fragment_of, npm, run
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def packages() -> Path:
    """The packages of npm. Without Node: skipped, failed in CI."""
    try:
        return npm()
    except RuntimeError as problem:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to try other people's clients: {problem}", pytrace=False)
        pytest.skip(str(problem))


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server with an empty registry."""
    with ServerProcess(f"sqlite:///{tmp_path / 'registry.db'}") as server:
        yield f"{server.url}/graphql"


def node(packages: Path, script: str, *arguments: object) -> dict[str, int]:
    """What a script writes about what it did."""
    done: dict[str, int] = json.loads(run(["node", script, *map(str, arguments)], packages))
    return done


def test_no_host_of_a_registry_is_committed() -> None:
    for lock in ("package.json", "package-lock.json", ".npmrc", "requirements.txt", "requirements-ariadne.txt"):
        assert "://" not in (SOURCES / lock).read_text("utf-8"), lock
    packages = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_apollo_s_cache_stays_right(packages: Path, url: str) -> None:
    assert node(packages, "apollo.mjs", url) == {"read": 9}


def test_urql_s_normalised_cache_stays_right(packages: Path, url: str) -> None:
    assert node(packages, "urql.mjs", url, SCHEMA) == {"read": 9}


REFETCHABLE = """
  fragment Shown_version on ModelVersion @refetchable(queryName: "ShownRefetch") { ref verdict { status } }
  query ShownQuery($refs: [Ref!]!) { entities(refs: $refs) { id ...Shown_version @alias(as: "shown") } }
"""
"""A record that is fetched again by its id: the compiler makes a query of `node(id:)` for it."""


@pytest.fixture(scope="module")
def compiled(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Relay's compiler makes of a pagination fragment over each connection."""
    project = tmp_path_factory.mktemp("relay")
    (project / "src").mkdir()
    shutil.copy(SCHEMA, project / "schema.graphql")
    settings: dict[str, object] = {
        "src": "src",
        "schema": "schema.graphql",
        "language": "javascript",
        "artifactDirectory": "artifacts",
    }
    settings |= {"eagerEsModules": False}
    (project / "relay.config.json").write_text(json.dumps(settings))
    (project / "artifacts").mkdir()
    for path in connections():
        name = "".join(part[0].upper() + part[1:] for part in path) + "Page"
        shown = "distance node { __typename id ref }" if path[0] == "impact" else "node { __typename }"
        text = fragment_of(path).replace("node { __typename }", shown)
        (project / "src" / f"{name}.js").write_text(f"const asked = graphql`{text}`\n")
    (project / "src" / "Shown.js").write_text(f"const shown = graphql`{REFETCHABLE}`\n")
    run([str(packages / "node_modules" / ".bin" / "relay-compiler")], project)
    return project / "artifacts"


def test_relay_s_compiler_takes_every_connection(compiled: Path) -> None:
    paths = connections()
    assert len(paths) > 10
    assert {("impact", "affected"), ("trainedOn", "versions"), ("modelVersions",)} <= set(paths)
    written = {file.name for file in compiled.iterdir()}
    for path in paths:
        name = "".join(part[0].upper() + part[1:] for part in path) + "Page"
        assert {f"{name}_query.graphql.js", f"{name}Query.graphql.js", f"{name}Refetch.graphql.js"} <= written


def test_relay_fetches_a_record_again_by_its_id(compiled: Path) -> None:
    text = (compiled / "ShownRefetch.graphql.js").read_text("utf-8")
    assert "node(id: $id)" in text
    assert "...Shown_version" in text


def test_relay_pages_through_a_connection(packages: Path, compiled: Path, url: str) -> None:
    """As usePaginationFragment does it: each page is fetched by the refetch query, and the store joins them."""
    assert node(packages, "relay_pages.mjs", url, compiled) == {"listed": 5, "sent": 3}


def test_codegen_writes_types_that_the_compiler_takes(packages: Path, tmp_path: Path) -> None:
    run(["node", "codegen.mjs", str(SCHEMA), str(tmp_path)], packages)
    compiler = str(packages / "node_modules" / ".bin" / "tsc")
    run([compiler, "--noEmit", "--strict", "--skipLibCheck", "false", "use.ts"], tmp_path)
    wrong = (tmp_path / "use.ts").read_text("utf-8").replace("node.distance", "node.distanec")
    (tmp_path / "use.ts").write_text(wrong)
    with pytest.raises(AssertionError, match="distanec"):
        run([compiler, "--noEmit", "--strict", "use.ts"], tmp_path)


def test_gql_validates_against_the_schema_and_asks(url: str) -> None:
    done = json.loads(run([other_clients.python(), str(SOURCES / "gql_client.py"), url], SOURCES))
    assert done == {"listed": ["model:m@1", "model:m@2"], "refused": "Cannot query field 'nothing' on type 'Query'."}


def test_ariadne_codegen_makes_a_typed_client(url: str, tmp_path: Path) -> None:
    python = other_clients.python("requirements-ariadne.txt")
    done = json.loads(run([python, str(SOURCES / "ariadne_client.py"), url, str(SCHEMA), str(tmp_path)], tmp_path))
    assert done == {
        "registered": 6,
        "nodes": 5,
        "listed": [f"model:m@{number}" for number in (1, 2, 3, 4)],
        "refused": "'model:m@9' is not registered: check its spelling, or search for it.",
    }
