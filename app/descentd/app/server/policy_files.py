"""Reading the policy files of a folder: YAML, strictly, with the line of everything that is wrong."""

from collections.abc import Sequence
from pathlib import Path

from descentd.app.server.strict_yaml import Place, YAMLFile
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput
from descentd.queries.governance.policies import PolicyInput


def read_policies(folder: Path) -> Sequence[PolicyInput]:
    """The policies of every *.yaml and *.yml file in a folder, by file name.

    Raises Invalid with everything that is wrong, as FILE:LINE: REASON.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder of policies: check --policies.")
    files = sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"})
    if not files:
        raise InvalidInput(f"There is no *.yaml file in {folder}: put a policy there, or leave out --policies.")
    found: dict[str, tuple[Path, PolicyInput]] = {}
    wrong: list[DescentError] = []
    for file in files:
        try:
            policy, line = _read(file)
        except Invalid as error:
            wrong += error.problems
            continue
        if policy.environment in found:
            other = found[policy.environment][0].name
            reason = f"{other} is the policy for {policy.environment} already: keep one of the two."
            wrong.append(InvalidInput(f"{file}:{line}: {reason}"))
        found.setdefault(policy.environment, (file, policy))
    if wrong:
        raise Invalid(wrong)
    return [policy for _, policy in found.values()]


def _read(file: Path) -> tuple[PolicyInput, int]:
    """The policy of a file, and the line that names its environment."""
    given = YAMLFile(file, "policy", _is_integer)
    policy = given.read(PolicyInput)
    return policy, given.line("environment")


def _is_integer(place: Place) -> bool:
    return place == ("quorum",)
