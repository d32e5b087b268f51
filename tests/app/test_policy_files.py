"""Policy files: what is read, and the line of what is wrong."""

from pathlib import Path

import pytest

from descentd.app.server.policy_files import read_policies
from descentd.graph.model.errors import Invalid, InvalidInput

RULE = 'rules: [{name: one, expression: "true"}]\n'


def problems(folder: Path, text: str | bytes, name: str = "p.yaml") -> list[str]:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Invalid) as caught:
        read_policies(folder)
    assert all(isinstance(problem, InvalidInput) for problem in caught.value.problems)
    return [problem.message.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_example_of_the_contract(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "production.yaml").write_text((shared / "contract" / "policy.example.yaml").read_text())
    [policy] = read_policies(tmp_path)
    assert policy.environment == "production"
    assert policy.quorum == 2
    assert [rule.name for rule in policy.rules][:2] == ["stereotype-rate", "every-group-measured"]


def test_text_is_taken_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text('environment: NO\nrules:\n- {name: 1.10, expression: "true", message: 12:30}\n')
    [policy] = read_policies(tmp_path)
    assert policy.environment == "NO"
    assert (policy.rules[0].name, policy.rules[0].message) == ("1.10", "12:30")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("environment: a\nrules: [\n", "p.yaml:3: This is not YAML"),
        ("environment: a\nquorum: 1\nquorum: 2\n" + RULE, "p.yaml:3: The key quorum is given twice"),
        ("quorum: 1\n" + RULE, "p.yaml:1: environment: environment is required"),
        ("environment:\n" + RULE, "p.yaml:1: environment: "),
        ("environment: a\nquorum: two\n" + RULE, "p.yaml:2: quorum: "),
        ('environment: a\nquorum: "2"\n' + RULE, "p.yaml:2: quorum: "),
        ("environment: a\nquorum: -1\n" + RULE, "p.yaml:2: quorum: "),
        ("environment: a\nwhatever: 1\n" + RULE, "p.yaml:2: whatever: There is no field"),
        ("environment: a\nrules: []\n", "p.yaml:2: rules: A policy without rules"),
        (
            "environment: a\nrules:\n- name: x\n  expression: 1 +\n",
            "p.yaml:4: rules[0].expression: The expression is not",
        ),
        ("environment: a\nrules:\n- name: x\n  expression: heat < 1\n", "no variable heat"),
        ("environment: a\nrules:\n- name: x\n\n  expression: metrics[version.name].size() > 0\n", "p.yaml:5: "),
        ("environment: a\nrules:\n- {name: quorum, expression: 'true'}\n", "holds whatever a policy says"),
        ("environment: a\nrules:\n- &x {name: x, expression: 'true'}\n- *x\n", "The rule x is given twice"),
        ("environment: a\n" + RULE + "---\n" + "environment: b\n" + RULE, "2 YAML documents"),
        ("", "p.yaml:1: The file holds 0"),
        ("- environment: a\n", "p.yaml:1: "),
        ("environment: a\nrules:\n- !!python/name:os.system x\n", "p.yaml:3: The tag"),
        (b"environment: a\nrules: \xff\n", "p.yaml:2: This is not UTF-8"),
        ("environment: " + "[" * 3000, "p.yaml:"),
        ("? [a]\n: b\n", "p.yaml:1: A key is a text"),
    ],
)
def test_what_is_wrong_has_its_line_and_reason(tmp_path: Path, text: str | bytes, wrong: str) -> None:
    [problem] = problems(tmp_path, text)
    assert wrong in problem


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("environment: a\n" + RULE)
    (tmp_path / "b.yml").write_text("environment: b\nquorum: x\nwhat: y\n" + RULE)
    (tmp_path / "notes.txt").write_text("not a policy")
    found = problems(tmp_path, "\nenvironment: a\n" + RULE, "c.yaml")
    assert [problem.split(": ")[0] for problem in found] == ["b.yml:2", "b.yml:3", "c.yaml:2"]
    assert "a.yaml is the policy for a already" in found[2]


def test_a_folder_without_policies_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no \*.yaml file"):
        read_policies(tmp_path)
    with pytest.raises(InvalidInput, match="not a folder"):
        read_policies(tmp_path / "nowhere")
