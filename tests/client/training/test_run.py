"""Runs against a registry that says what a test wants, over a real socket."""

import asyncio
import hashlib
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import descent
from descent import Client, compatibility, errors
from tests.client.registry import Registry
from tests.client.training.registering import AWAY, REF, REGISTERED, kept

pytestmark = pytest.mark.usefixtures("alone")


def test_a_run_registers_what_it_logged(registry: Registry, tmp_path: Path, said: list[str]) -> None:
    registry.on("Register", {"register": REGISTERED})
    (tmp_path / "profile.yaml").write_text("intended_use: Rank.\nmust_not_do: [Decline.]\n")
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "deep" / "model.bin").write_bytes(b"weights")
    (tmp_path / "out" / "config.json").write_bytes(b"{}")
    parents: list[str | tuple[str, str]] = ["model:credit-risk@4.1", ("model:base@1", "distill")]
    with descent.run("credit-risk", parents=parents, url=registry.url, token="t0", say=said.append) as run:
        run.use("dataset:loans@2024-12#train-us")
        run.use("dataset:refusals@1", role="preference")
        run.log_config({"lr": 0.1})
        run.log_config({"epochs": 3, "password": "hunter2"})
        run.log_artifact("out", uri="s3://models/4.2")
        run.log_evaluation(
            "fairness-suite",
            "1.3",
            {"accuracy": 0.894, "selection_rate": {"value": 0.5, "n": 20, "slice": {"age_group": "65+"}}},
            n=40_000,
            data="dataset:loans@2024-12#holdout",
            evaluated_at=datetime.fromisoformat("2025-07-21T09:00:00+00:00"),
        )
        run.safety_profile("profile.yaml")
    assert run.ref == REF
    assert run.id == "sha256:" + "5" * 64
    assert run.kept is None
    [variables] = registry.variables("Register")
    [model] = variables["manifest"]["models"]
    assert model.pop("createdAt")
    assert model.pop("command")
    assert model.pop("environment")["dependencies"]
    assert model == {
        "name": "credit-risk",
        "parents": [
            {"ref": "model:credit-risk@4.1", "relation": "FINE_TUNE"},
            {"ref": "model:base@1", "relation": "DISTILL"},
        ],
        "trainedOn": [
            {"ref": "dataset:loans@2024-12#train-us", "role": "TRAIN"},
            {"ref": "dataset:refusals@1", "role": "PREFERENCE"},
        ],
        "config": {"lr": 0.1, "epochs": 3, "password": "***"},
        "artifacts": [
            {
                "uri": f"s3://models/4.2/{name}",
                "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
                "size": len(data),
            }
            for name, data in (("config.json", b"{}"), ("deep/model.bin", b"weights"))
        ],
        "safetyProfile": {"intendedUse": "Rank.", "mustNotDo": ["Decline."]},
    }
    assert variables["manifest"]["evaluations"] == [
        {
            "subject": "model:credit-risk",
            "suite": {"name": "fairness-suite", "version": "1.3"},
            "evaluatedAt": "2025-07-21T09:00:00+00:00",
            "data": "dataset:loans@2024-12#holdout",
            "metrics": [
                {"name": "accuracy", "n": 40_000, "value": 0.894},
                {
                    "name": "selection_rate",
                    "n": 20,
                    "slice": [{"attribute": "age_group", "value": "65+"}],
                    "value": 0.5,
                },
            ],
        }
    ]
    assert registry.asked[0][0]["Authorization"] == "Bearer t0"
    assert [sentence.split(":")[0] for sentence in said] == [
        "model",
        "No code is recorded",
        "Masked, because they look like secrets",
    ]
    assert "model:credit-risk@4.1 is recorded as the parent of a fine-tune" in said[0]
    assert "in no git repository" in said[1]
    assert "models[0].config.password" in said[2]


def test_warnings_of_the_registry_are_passed_on(registry: Registry, said: list[str]) -> None:
    answer = {"data": {"register": REGISTERED}, "extensions": {"warnings": ["модель looks like model."]}}
    registry.answers["Register"] = lambda _variables: answer
    with descent.run("m", url=registry.url, say=said.append):
        pass
    assert said[-1] == "модель looks like model."


def test_nothing_is_registered_after_an_exception(registry: Registry, said: list[str]) -> None:
    def train() -> None:
        with descent.run("m", url=registry.url, say=said.append) as run:
            run.log_config({"lr": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert registry.asked == []
    assert kept() == []
    assert said[-1] == "Nothing is registered: the run ended with ZeroDivisionError."


def test_only_rank_0_registers(registry: Registry, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with descent.run("m", parents=["model:a@1"], url=registry.url, say=said.append) as run:
        run.log_config({"lr": 1})
        run.log_artifact("written by rank 0 only")
    assert run.ref is None
    assert (registry.asked, registry.visits, kept()) == ([], 0, [])
    assert said == []  # a thousand processes would say the same


def test_the_async_twin_registers_too(registry: Registry, said: list[str]) -> None:
    registry.on("Register", {"register": REGISTERED})

    async def train() -> str | None:
        async with descent.async_run("m", url=registry.url, say=said.append) as run:
            run.log_config({"lr": 1})
        return run.ref

    assert asyncio.run(train()) == REF


# ---------------------------------------------------------------- wrong input, at once and not hours later


@pytest.mark.parametrize("token", ["…", "ab c", "ab\ncd"])
def test_a_token_that_cannot_be_sent_is_refused_before_the_training(token: str, said: list[str]) -> None:
    with pytest.raises(errors.Unauthenticated, match="The token"), descent.run("m", token=token, say=said.append):
        pytest.fail("the training begins")
    assert kept() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "a@b"}, 'contains "@"'),
        ({"name": "m", "parents": ["dataset:d@1"]}, "a model is expected"),
        ({"name": "m", "parents": [("model:a@1", "copied")]}, "is not a relation"),
        ({"name": "m", "parents": "model:a"}, "is not in this manifest"),
        ({"name": "m", "version": "../x"}, "path step"),
    ],
)
def test_names_and_parents_are_checked_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.InvalidManifest, match=words):
        descent.run(**options)


@pytest.mark.parametrize("parent", [None, 4, ("model:a@1",), ("model:a@1", None)])
def test_what_is_no_parent_is_refused_at_once(parent: Any) -> None:
    with pytest.raises(errors.InvalidInput, match=r"Expected \"model:NAME@VERSION\".*The ref of a run is None until"):
        descent.run("m", parents=[parent])


def test_what_cannot_be_registered_is_refused_when_it_is_logged(registry: Registry, said: list[str]) -> None:
    registry.on("Register", {"register": REGISTERED})
    with descent.run("m", version="1", url=registry.url, say=said.append) as run:
        with pytest.raises(errors.InvalidManifest, match="a dataset is expected"):
            run.use("model:a@1")
        with pytest.raises(errors.InvalidManifest, match="is not a training role"):
            run.use("dataset:d@1", role="testing")
        run.log_config({"lr": 1})
        with pytest.raises(errors.InvalidInput, match="lr was logged as 1 and is now 2"):
            run.log_config({"lr": 2})
        with pytest.raises(errors.InvalidInput, match="accuracy is nan"):
            run.log_evaluation("s", "1", {"accuracy": float("nan")})
        with pytest.raises(errors.InvalidInput, match="needs a result"):
            run.log_evaluation("s", "1", {})
        with pytest.raises(errors.InvalidManifest, match="send it as a fraction"):
            run.log_evaluation("s", "1", {"accuracy": 89.4})
        with pytest.raises(errors.InvalidManifest, match="must_not_do, which is missing"):
            run.safety_profile({"intended_use": "x"})
        with pytest.raises(FileNotFoundError):
            run.safety_profile("missing.yaml")
        with pytest.raises(errors.DescentError, match="cannot be read"):
            run.log_artifact("missing.bin")
    [model] = registry.variables("Register")[0]["manifest"]["models"]
    assert model["config"] == {"lr": 1}
    assert not {"trainedOn", "safetyProfile", "artifacts"} & model.keys()
    assert "evaluations" not in registry.variables("Register")[0]["manifest"]


def test_a_run_is_used_in_its_block_and_once(registry: Registry, said: list[str]) -> None:
    registry.on("Register", {"register": REGISTERED})
    run = descent.run("m", url=registry.url, say=said.append)
    with pytest.raises(errors.InvalidInput, match="with"):
        run.log_config({})
    with run:
        pass
    with pytest.raises(errors.InvalidInput, match="entered before"), run:
        pass


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("client", "server", "words"),
    [
        ("0.1.0", "0.1.7", None),
        ("1.2.0", "1.9.3", None),
        ("0.1.0", "0.2.0", "install descent-client 0.2"),
        ("0.3.0", "0.2.0", "upgrade the server, or install descent-client 0.2"),
        ("1.0.0", "2.1.0", "install descent-client 2"),
        ("0.1.0", "nightly", "install the descent-client of the server's version"),
    ],
)
def test_versions_that_do_not_fit_are_named(client: str, server: str, words: str | None) -> None:
    said = compatibility.sentence(client, server)
    assert said is None if words is None else said and words in said


def test_versions_are_compared_once(registry: Registry, said: list[str]) -> None:
    registry.on("Register", {"register": REGISTERED})
    registry.version = "99.0.0"
    for _ in range(2):
        with descent.run("m", url=registry.url, say=said.append):
            pass
    assert registry.visits == 1
    assert sum("which may not fit" in sentence for sentence in said) == 2


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_does_not_answer_is_asked_for_its_version_for_a_short_time_only(silent: str) -> None:
    with Client(silent, timeout=900) as client:
        warning = compatibility.mismatch(client, timeout=0.1)
    assert warning is not None
    assert warning.startswith(f"{silent} did not say within 0.1 seconds which version of Descent it is")


def test_the_time_for_the_version_is_limited_in_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a byte now and then is in time for each read, and never answers."""
    released = threading.Event()

    def drip(_client: Client, _timeout: float) -> str:
        assert released.wait(60)
        return "99.0.0"

    monkeypatch.setattr(Client, "server_version", drip)
    with Client(AWAY) as client:
        warning = compatibility.mismatch(client, timeout=0.1)
        released.set()
    assert "did not say within 0.1 seconds" in str(warning)


def test_another_distribution_with_the_same_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compatibility.namesake() is None
    about = tmp_path / "descent-0.2.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: descent\nVersion: 0.2.5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "descent 0.2.5, which is another one" in str(compatibility.namesake())
