"""What tests of the application share: a served registry in a file, an identity provider, and the folders of cases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.support.identity_provider import IdentityProvider, running_provider
from tests.support.server_process import ServerProcess


@pytest.fixture
def store_file(tmp_path: Path) -> str:
    """The address of a store in a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.fixture
def server(store_file: str) -> Iterator[ServerProcess]:
    """`descentd serve`, ready, on an empty store in a file."""
    with ServerProcess(store_file) as running:
        yield running


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    """An identity provider that answers."""
    with running_provider() as running:
        yield running


@pytest.fixture(params=["own", "shared"])
def cases(request: pytest.FixtureRequest) -> Path:
    """The folder of cases: ours, and the one beside the project."""
    if request.param == "own":
        return Path(__file__).parents[1] / "support" / "cases"
    if not (SHARED / "cases").is_dir():
        pytest.skip("there is no ../shared/cases beside the project, which this test reads")
    return SHARED / "cases"


def found(folder: Path, name: str) -> Path:
    """The case of a number in a folder."""
    [file] = folder.glob(f"{name}-*")
    return file
