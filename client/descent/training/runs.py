"""`descent.run(…)`: what a training does, and what came out of it, registered as a model version when it ends."""

import asyncio
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from descent import console
from descent.client import Client
from descent.compatibility import mismatch, namesake
from descent.errors import InvalidInput, Problem
from descent.masking import Masker
from descent.progress import bytes_progress
from descent.tensors import InvalidTensorFile, read_header
from descent.tensors.digests import MOST, statement, tensor_digests
from descent.tensors.reading import SUFFIXES
from descent.training.code import Code, find_code, running_script
from descent.training.draft import Draft, Parent
from descent.training.environment import environment
from descent.training.hashing import FileHasher, HashedFile
from descent.training.pending import PendingFolder, state_folder
from descent.training.ranks import rank
from descent.training.submit import AWAY, TIMEOUT, VERSION_TIMEOUT, registered_version, sentence, submit
from descent.transport import DEFAULT_URL

Say = Callable[[str], None]
"""Called with each sentence that the user of a run should read."""


def print_to_stderr(text: str) -> None:
    """Print a sentence to stderr, marked as Descent's."""
    console.say(f"descent: {text}")


class _Run:
    """What `Run` and `AsyncRun` share: everything but how they are entered and left."""

    def __init__(
        self,
        name: str,
        *,
        version: str | None = None,
        parents: Iterable[Parent] | str = (),
        description: str | None = None,
        url: str | None = None,
        token: str | None = None,
        allow_dirty: bool = False,
        say: Say = print_to_stderr,
    ) -> None:
        self.ref: str | None = None
        self.id: str | None = None
        self.kept: Path | None = None
        self._url = url or os.environ.get("DESCENT_URL") or DEFAULT_URL
        self._token = token or os.environ.get("DESCENT_TOKEN")
        self._allow_dirty = allow_dirty
        self._say = say
        self._draft = Draft(name, version, description)
        self._implied = self._draft.derive([parents] if isinstance(parents, str) else parents)
        self._hasher = FileHasher()
        self._files: dict[Path, dict[str, Any]] = {}
        self._code = Code(None)
        self._open = False

    # ------------------------------------------------------------ logging

    @property
    def registers(self) -> bool:
        """Whether this process registers: of the processes of a distributed training, the one of rank 0."""
        return rank(os.environ) == 0

    def use(self, ref: str, role: str = "train") -> None:
        """Log a dataset or partition (`dataset:NAME@VERSION#PARTITION`) that the version learns from.

        `role` is pretrain, train, preference, reward, calibration or retrieval. Raises InvalidManifest for another
        role, and for what is no reference to data.
        """
        self._check_open()
        self._draft.use(ref, role)

    def log_config(self, parameters: Any) -> None:
        """Log parameters: a mapping, a dataclass or argparse's Namespace; several calls add up.

        Values whose names or forms say that they are secrets are masked. Raises InvalidInput for a value that is no
        JSON, and for a parameter that was logged with another value.
        """
        self._check_open()
        self._draft.configure(parameters)

    def log_artifact(
        self, path: str | os.PathLike[str], *, uri: str | None = None, media_type: str | None = None
    ) -> None:
        """Log a file of the version, or all files of a folder; they are hashed in the background.

        `uri` is the address where the file can be fetched from later, for a folder that of the folder; without it, the
        path of the file is recorded. `media_type` is in the form of RFC 6838. What is recorded is the file as it is at
        the end of the run. Raises UnreadableFile for a file that cannot be read.
        """
        self._check_open()
        if not self.registers:
            return
        root = Path(path).resolve()
        base = (uri or root.as_uri()).rstrip("/")
        for file in _files_in(root):
            inside = "" if file == root else f"/{file.relative_to(root).as_posix()}"
            self._hasher.add(file)
            self._files[file] = {"uri": base + inside, **({"mediaType": media_type} if media_type else {})}

    def log_evaluation(
        self,
        suite: str,
        suite_version: str,
        metrics: Mapping[str, Any],
        *,
        n: int | None = None,
        stderr: float | None = None,
        slice: Mapping[str, str] | None = None,
        data: str | None = None,
        suite_config: Mapping[str, Any] | None = None,
        evaluator: str | None = None,
        evaluated_at: datetime | None = None,
    ) -> None:
        """Log the results of a suite on this version.

        `metrics` maps names of metrics to values in the metric's own unit (a rate is a fraction from 0 to 1), or to
        mappings with `value` and, where they differ from what is given for all, `n` (the number of items), `stderr`
        (the standard error of the value, in its unit) and `slice` (the group: attributes with values). `data` is the
        dataset or partition that was evaluated on. `evaluated_at` needs a time zone, and is now by default. Raises
        InvalidInput and InvalidManifest for what could not be registered: NaN, a rate above 1, an invalid reference.
        """
        self._check_open()
        common = {"n": n, "stderr": stderr, "slice": dict(slice) if slice else None}
        when = evaluated_at.isoformat() if evaluated_at else None
        about = {"data": data, "evaluator": evaluator, "evaluatedAt": when}
        protocol = {"name": suite, "version": suite_version, "config": suite_config}
        self._draft.evaluate(_given(protocol), metrics, _given(common), _given(about))

    def safety_profile(self, profile: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """State what the version is for and must not be used for: a mapping, or the path of a YAML or JSON file.

        It has `intended_use` and `must_not_do`, and may have `guardrails`, `known_biases`, `claims` and `notes`.
        Raises InvalidManifest with the place of each problem, and OSError if the file cannot be read.
        """
        self._check_open()
        self._draft.profile(profile if isinstance(profile, Mapping) else Path(profile))

    def _check_open(self) -> None:
        if not self._open:
            message = "The run is not open: log inside of its `with` block."
            raise InvalidInput([Problem(message)])

    # ------------------------------------------------------------ beginning and end

    def _begin(self) -> None:
        """Look at the code and at the server while nothing is lost yet. Raises UncommittedChanges."""
        if self._open or self.ref is not None:
            raise InvalidInput([Problem("This run was entered before: make another with descent.run.")])
        if self.registers:
            for ref in self._implied:
                self._say(
                    f'{ref} is recorded as the parent of a fine-tune: for another relation, give ("{ref}", "merge").'
                )
            self._code = find_code(running_script(), allow_changes=self._allow_dirty)
            if self._code.content is None:
                self._say(f"No code is recorded: {self._code.reason}.")
            with self._client() as client:
                warnings = namesake(), mismatch(client, VERSION_TIMEOUT)
            for warning in filter(None, warnings):
                self._say(warning)
        self._open = True

    def _end(self, failure: BaseException | None) -> None:
        """Register the version, or nothing after an exception."""
        self._open = False
        try:
            if self.registers and failure is not None:
                self._say(f"Nothing is registered: the run ended with {type(failure).__name__}.")
            elif self.registers:
                self._register()
        finally:
            self._hasher.stop()

    def _register(self) -> None:
        masker = Masker(os.environ)
        with bytes_progress("hashing files", "hashed", self._say) as progress:
            hashed = self._hasher.results(progress)
        files = [(file, self._files[file.path]) for file in hashed]
        manifest = self._draft.manifest(files, self._tensors(hashed), self._captured(masker), masker)
        if masker.masked:
            self._say(f"Masked, because they look like secrets: {', '.join(masker.masked)}.")
        with self._client() as client:
            outcome = submit(client, client.place, manifest, PendingFolder(state_folder(os.environ)))
        for warning in outcome.warnings:
            self._say(warning)
        if outcome.kept is not None:
            self.kept = outcome.kept.path
        if outcome.answer is not None:
            version = registered_version(outcome.answer)
            assert version is not None
            self.ref, self.id = version["ref"], version["id"]
        elif isinstance(outcome.error, AWAY):
            self._say(f"{outcome.error.message} The manifest is kept in {self.kept}: `descent push` sends it.")
        elif outcome.error is not None:
            self._say(f"Refused: {sentence(outcome.error)} The manifest is kept in {self.kept}.")
            raise outcome.error

    def _tensors(self, files: Iterable[HashedFile]) -> list[dict[str, Any]]:
        """Return what is stated about the tensors in files; a file that is broken is named, and stays an artifact."""
        stated: dict[str, dict[str, Any]] = {}
        for file in files:
            if file.path.suffix not in SUFFIXES:
                continue
            try:
                with bytes_progress(f"hashing the tensors of {file.path}", "hashed", self._say) as progress:
                    tensors = tensor_digests(read_header(file.path), progress)
            except InvalidTensorFile as error:
                self._say(f"No tensors are compared. {error.message}")
                continue
            if 0 < len(tensors) <= MOST:
                stated[file.digest] = statement(self._draft.subject, file.digest, tensors)
        return list(stated.values())

    def _captured(self, masker: Masker) -> dict[str, Any]:
        """Return what a run records by itself: code, environment, command line and the present moment."""
        captured = {"createdAt": datetime.now(UTC).isoformat(timespec="seconds"), "environment": environment()}
        if self._code.content is not None:
            captured["code"] = self._code.content
        command = masker.command([Path(sys.executable or "python").name, *sys.orig_argv[1:]], ("models", 0, "command"))
        return captured | {"command": shlex.join(command)}

    def _client(self) -> Client:
        return Client(self._url, token=self._token, timeout=TIMEOUT)


class Run(_Run):
    """A run of a training: a context manager that registers the version when it is left without an exception.

    `ref` is the version's reference and `id` its content id once it is registered. They are None before, and if the
    registry does not answer: then `kept` is the file in which the manifest waits for `descent push`.
    """

    def __enter__(self) -> Self:
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)


class AsyncRun(_Run):
    """The same as `Run`, for `async with`: what takes time runs beside the event loop."""

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._begin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._end, error)


def run(
    name: str,
    *,
    version: str | None = None,
    parents: Iterable[Parent] | str = (),
    description: str | None = None,
    url: str | None = None,
    token: str | None = None,
    allow_dirty: bool = False,
    say: Say = print_to_stderr,
) -> Run:
    """Return a run that registers a version of the model `name` when its `with` block ends without an exception.

    Without `version` the registry gives the next free one. `parents` are versions that it is derived from: references,
    which mean a fine-tune, or pairs of a reference and a relation such as `distill` or `merge`. `url` and `token` are
    by default those in DESCENT_URL and DESCENT_TOKEN. The code has to be committed, unless `allow_dirty`: then the
    digest of the difference is recorded. `say` is called with each sentence for the user; they go to stderr by default.

    Raises InvalidManifest for names and references that the registry could not accept. Entering the run raises
    UncommittedChanges, and Unauthenticated for a token that cannot be sent. Leaving it raises UnreadableFile if a
    logged file was changed, and a subclass of Refused if the registry refuses; a registry that does not answer raises
    nothing, and the manifest is kept for `descent push`.
    """
    return Run(
        name,
        version=version,
        parents=parents,
        description=description,
        url=url,
        token=token,
        allow_dirty=allow_dirty,
        say=say,
    )


def async_run(
    name: str,
    *,
    version: str | None = None,
    parents: Iterable[Parent] | str = (),
    description: str | None = None,
    url: str | None = None,
    token: str | None = None,
    allow_dirty: bool = False,
    say: Say = print_to_stderr,
) -> AsyncRun:
    """Return the same as `run`, for `async with`."""
    return AsyncRun(
        name,
        version=version,
        parents=parents,
        description=description,
        url=url,
        token=token,
        allow_dirty=allow_dirty,
        say=say,
    )


def _files_in(root: Path) -> list[Path]:
    if not root.is_dir():
        return [root]
    files = sorted(path for path in root.rglob("*") if path.is_file())
    if not files:
        raise InvalidInput([Problem(f"{root} has no files: log it once they are written.")])
    return files


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
