"""The cheap attacks of the checklist, so that they are known to work whenever `make attack` is run."""

from collections.abc import Iterator

import pytest

from tests.attack.attack import Attack
from tests.attack.checklist import attacks
from tests.attack.target import Target


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with Target(tmp_path_factory.mktemp("attacked")) as target:
        yield target
        assert target.traces() == []


@pytest.mark.parametrize("one", [one for one in attacks() if one.cheap], ids=lambda one: one.name)
def test_it_is_answered_rightly(target: Target, one: Attack) -> None:
    one.run(target)
    target.check_alive()


def test_the_checklist_names_each_attack_once() -> None:
    names = [one.name for one in attacks()]
    assert len(set(names)) == len(names)
