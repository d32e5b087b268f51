"""What is handed out: locks, containers, targets. There is no Docker here, so promises are checked as written."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.server_process import SECONDS

ROOT = Path(__file__).parents[1]
REGISTRIES = [
    "pypi.org", "pythonhosted.org", "registry.npmjs", "registry.yarnpkg", "npmjs.com",
    "repo1.maven", "repo.maven", "maven.org", "ghcr.io", "quay.io", "docker.io", "gcr.io", "mcr.microsoft",
    "index-url", "proxy.golang",
]  # fmt: skip
"""Split where the whole would be found in this file."""
LOCKS = ["requirements.txt", "requirements-demo.txt", "requirements-server.txt"]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_registry_host() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in tracked()
        if path != Path(__file__)
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_everything_with_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==(\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))


def test_the_locks_hold_what_the_projects_ask_for_and_agree() -> None:
    whole, demo, server = map(pins, LOCKS)
    assert server.items() <= demo.items() <= whole.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    develop = {normal(one) for one in groups["dev"] if isinstance(one, str)}
    assert develop <= whole.keys()
    assert not develop & demo.keys()
    assert {normal(one) for one in [*project["project"]["dependencies"], *groups["build"]]} <= server.keys()
    assert {normal(one) for one in client["project"]["dependencies"]} <= demo.keys()


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        ("requirements-server.txt", ["descentd", "hatchling", "editables"]),
        ("requirements-demo.txt", ["descentd", "descent-client", "hatchling", "editables"]),
    ],
)
def test_a_lock_lacks_no_dependency(lock: str, asked: list[str]) -> None:
    """`make setup` installs without looking for dependencies, so a missing one would show at the first import only."""
    found: set[tuple[str, str]] = set()
    seek = [(name, "") for name in asked]
    while seek:
        if (this := seek.pop()) not in found:
            found.add(this)
            for requirement in map(Requirement, metadata.requires(this[0]) or ()):
                if requirement.marker is None or requirement.marker.evaluate({"extra": this[1]}):
                    seek += ((normal(requirement.name), extra) for extra in ["", *requirement.extras])
    assert {name for name, _ in found} - {"descentd", "descent-client"} <= pins(lock).keys()


def normal(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_the_client_does_not_depend_on_the_server() -> None:
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text("utf-8"))
    names = {normal(one) for one in client["project"]["dependencies"]}
    assert not names & {"descentd", "graphql-core", "strawberry-graphql", "starlette", "neo4j", "numpy"}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each distribution's wheel holds, as it is installed."""
    found = {}
    for name, project in {"descentd": ROOT, "descent-client": ROOT / "client"}.items():
        built, found[name] = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
        subprocess.run(build, cwd=project, capture_output=True, check=True)
        [wheel] = built.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(found[name])
    return found


@pytest.mark.parametrize(
    ("name", "roots", "also"),
    [
        (
            "descentd",
            ["app", "queries", "graph"],
            {
                *(f"descentd/{floor}/py.typed" for floor in ("app", "queries", "graph")),
                "descentd/graph/metrics.json",
                "descentd/app/demo/pythia.tsv",
                "descentd/app/demo/policies/demo.yaml",
                "descentd/app/demo/policies/production.yaml",
            },
        ),
        (
            "descent-client",
            ["client"],
            {
                "descent/py.typed",
                "descent/manifest.schema.json",
                "descent/operations/Impact.graphql",
                "descent/additions/Diff.graphql",
            },
        ),
    ],
)
def test_a_wheel_holds_all_that_is_in_its_packages_and_no_more(
    name: str, roots: list[str], also: set[str], unpacked: dict[str, Path]
) -> None:
    package = {"descentd": "descentd", "descent-client": "descent"}[name]
    folders = [ROOT / root for root in roots]
    sources = {
        path.relative_to(folder).as_posix()
        for path in tracked()
        for folder in folders
        if path.is_relative_to(folder / package)
    }
    files = {path.relative_to(unpacked[name]).as_posix() for path in unpacked[name].rglob("*") if path.is_file()}
    assert sources | also <= files
    about = unpacked[name] / f"{name.replace('-', '_')}-0.1.0.dist-info"
    assert {path.name for path in unpacked[name].iterdir()} == {package, about.name}
    assert (about / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_demo_runs_from_the_wheel_alone(unpacked: dict[str, Path], tmp_path: Path) -> None:
    # The unpacked wheel comes before the checkout, which the tests' environment knows too.
    program = "import descentd.app.demo as demo; print(demo.__file__); from descentd.app.server.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "demo", "--no-serve"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked["descentd"])},
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    where, _, told = ran.stdout.partition("\n")
    assert Path(where).is_relative_to(unpacked["descentd"])
    assert told.startswith("The Pythia models are in sqlite:///pythia.db: 4,157 records, 4,157 of them new.")
    assert (tmp_path / "pythia.db").exists()


def test_the_image_is_small_locked_watched_and_not_root() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    parts = (line.partition(" ") for line in lines if line and not line.startswith(("#", " ")))
    steps = [(step, rest) for step, _, rest in parts]
    bases = [rest.split()[0] for step, rest in steps if step == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases)
    last = steps[max(i for i, (step, _) in enumerate(steps) if step == "FROM") :]
    told = dict(last)
    assert told["USER"] not in {"root", "0"}
    assert "/readyz" in told["HEALTHCHECK"]
    assert (told["ENTRYPOINT"], told["CMD"]) == ('["descentd"]', '["serve"]')
    assert not any(step == "RUN" and "pip" in rest for step, rest in last)
    installs = [rest for step, rest in steps if step == "RUN" and "pip install" in rest]
    assert all("--require-hashes" in rest or "--no-deps --no-build-isolation" in rest for rest in installs)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = {name for step, rest in steps if step == "COPY" and "--from" not in rest for name in rest.split()[:-1]}
    assert ignored[0] == "*"
    assert {f"!{name}" for name in copied} <= set(ignored)
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture
def deployments_of() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    return found


def test_what_is_composed_is_watched_and_on_loopback(deployments_of: dict[str, Any]) -> None:
    assert deployments_of.keys() == {"neo4j", "descent"}
    for service in deployments_of.values():
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert re.fullmatch(r"neo4j:5\.26\S*", deployments_of["neo4j"]["image"])
    descent = deployments_of["descent"]
    assert descent["depends_on"] == {"neo4j": {"condition": "service_healthy"}}
    assert descent["network_mode"] == "host"
    assert descent["command"] == ["serve", "--host", "127.0.0.1", "--port", "8600"]
    assert "user" not in descent  # the image's own, which is not root


def test_the_password_is_chosen_and_not_written_down(deployments_of: dict[str, Any]) -> None:
    assert deployments_of["neo4j"]["environment"]["NEO4J_AUTH"].startswith("neo4j/${NEO4J_PASSWORD:?")
    assert deployments_of["descent"]["environment"]["DESCENT_STORE"] == "bolt://neo4j:${NEO4J_PASSWORD}@127.0.0.1:7687"


def test_every_target_is_explained() -> None:
    made = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^\.PHONY: ([\w-]+)$", made, re.MULTILINE)
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert {"setup", "demo", "test", "check", "bench", "lock", "neo4j", "schema"} <= set(targets)
    assert {"test-thorough", "test-peers", "test-pythons"} <= set(targets)
    assert re.findall(r"^  make (\S+) ", shown, re.MULTILINE) == targets


def test_ci_runs_what_a_change_has_to_pass() -> None:
    path = ROOT / ".ci" / "run"
    text = path.read_text("utf-8")
    assert os.access(path, os.X_OK)
    assert text.splitlines()[2:] != []
    assert "set -euo pipefail" in text
    assert "export CI=true" in text
    assert re.search(r"for step in setup check test test-peers test-pythons;", text)
