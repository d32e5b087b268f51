"""The training script that README.md shows, run against a real server, which is killed while it trains."""

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from descent import Client, compatibility
from descent.cli import app
from descent.manifest import load_manifest
from descent.training.pending import PendingFolder
from descent.training.ranks import VARIABLES
from tests.support.relay import Relay
from tests.support.server_process import ServerProcess
from tests.support.tensor_files import write_safetensors

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
[SCRIPT] = [block for block in BLOCKS if "descent.run(" in block]


class Parameters(dict[str, Any]):
    """The parameters that the script logs in its middle; `during` happens when it does."""

    def __init__(self, during: Callable[[], None], **parameters: Any) -> None:
        super().__init__(parameters)
        self._during = during

    def items(self) -> Any:
        self._during()
        return super().items()


@pytest.fixture
def server(tmp_path: Path, shared: Path) -> Iterator[ServerProcess]:
    """A server that holds the example manifest without its newest version, so that 4.1 is the newest."""
    with ServerProcess(f"sqlite:///{tmp_path / 'registry.db'}") as running:
        content = dict(load_manifest(shared / "contract" / "manifest.example.yaml").content)
        content["models"] = content["models"][:2]
        content["evaluations"] = content["evaluations"][:2]
        with Client(running.url) as client:
            client.register(content)
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the script reads, in no repository, and a process that no launcher started."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESCENT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.resolve().parent))
    monkeypatch.setattr("descent.training.runs.running_script", lambda: tmp_path / "train.py")
    monkeypatch.setattr(compatibility, "_compared", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profile.yaml").write_text("intended_use: Rank.\nmust_not_do: [Decline.]\n")
    return tmp_path


def train(
    folder: Path, url: str, layers: Sequence[int], during: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Run the script of the README, and return its run; `during` happens in its middle."""
    monkeypatch.setenv("DESCENT_URL", url)
    weights = {f"layer.{n}": ("F32", (512,), bytes([layer]) + bytes(2047)) for n, layer in enumerate(layers)}
    write_safetensors(folder / "model.safetensors", weights)
    held: dict[str, Any] = {"params": Parameters(during, learning_rate=0.08)}
    exec(compile(SCRIPT, "train.py", "exec"), held)
    return held["run"]


def test_the_script_registers_while_its_server_is_killed_and_started_again(
    folder: Path, server: ServerProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Relay(server.url) as relay:

        def kill() -> None:
            server.stop(signal.SIGKILL)

        def restart() -> None:
            kill()
            server.start()
            relay.behind = server.url

        first = train(folder, relay.url, [1, 2, 3], restart, monkeypatch)
        assert first.ref == "model:credit-risk@4.2"
        assert capsys.readouterr().out == "model:credit-risk@4.2\n"

        second = train(folder, relay.url, [1, 2, 4], kill, monkeypatch)
        assert second.ref is None
        out, err = capsys.readouterr()
        assert out == "None\n"
        assert "`descent push` sends it" in err

        server.start()
        relay.behind = server.url
        shared = "2 of 3 tensors of model:credit-risk@4.3 are those of model:credit-risk@4.2, which is not declared"
        for out, err in (("registered", shared), ("", "No manifest is kept.")):  # nothing is left the second time
            ran = CliRunner().invoke(app, ["push", "--url", relay.url])
            assert ran.exit_code == 0, ran.stderr
            assert out in ran.stdout
            assert err in ran.stderr
        assert PendingFolder(folder / "state").files() == []
        with Client(relay.url) as client:
            version = client.entity("model:credit-risk@4.3")
            kin = client.kin("model:credit-risk@4.3").rows()
            again = [edge["node"]["ref"] for edge in client.model_versions({"name": "credit-risk"})]
    assert again == [f"model:credit-risk@{number}" for number in ("4.0", "4.1", "4.2", "4.3")]
    assert [(row["ref"], row["relation"], row["shared"]) for row in kin] == [("model:credit-risk@4.2", "UNDECLARED", 2)]
    assert version["parents"] == [{"relation": "FINE_TUNE", "node": {"ref": "model:credit-risk@4.1"}}]
    assert version["trainedOn"] == [{"role": "TRAIN", "node": {"ref": "dataset:loans@2024-12#train-us"}}]
    assert version["config"]["parameters"] == {"learning_rate": 0.08}
    assert version["safetyProfile"]["intendedUse"] == "Rank."
    assert version["command"]
    assert version["environment"]["dependencies"]
