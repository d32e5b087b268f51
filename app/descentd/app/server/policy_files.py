"""Reading the policy files of a folder, strict YAML, with the line of every problem."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from descentd.app.server.strict_yaml import Place, YAMLFile
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput
from descentd.graph.model.identity import Content
from descentd.queries.governance.policies import PolicyInput

LONGEST: Final = 200_000
"""Characters of a policy that is sent: reading them takes a second."""
_RULE: Final = ("name", "expression", "message")


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


def read_policy(text: str, name: str) -> PolicyInput:
    """The policy that a YAML text holds; raises Invalid with everything that is wrong, as NAME:LINE: REASON."""
    if len(text) > LONGEST:
        raise Invalid([InvalidInput(f"{name}:1: The policy has {len(text)} characters: shorten it to {LONGEST}.")])
    return YAMLFile(name, "policy", _is_integer, text.encode()).read(PolicyInput)


def policy_text(content: Content) -> str:
    """A policy as the text of a file that has its meaning."""
    rules = [{part: rule[part] for part in _RULE if part in rule} for rule in content["rules"]]
    whole = {"environment": content["environment"], "quorum": content["quorum"], "rules": rules}
    text: str = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=120)
    return text


def _read(file: Path) -> tuple[PolicyInput, int]:
    """The policy of a file, and the line that names its environment."""
    given = YAMLFile(file, "policy", _is_integer)
    policy = given.read(PolicyInput)
    return policy, given.line("environment")


def _is_integer(place: Place) -> bool:
    return place == ("quorum",)
