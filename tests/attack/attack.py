"""What an attack is: a name, a function that attacks and asserts, and whether it is cheap enough for every test run."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.attack.target import Target

Run = Callable[[Target], None]


@dataclass(frozen=True)
class Attack:
    """One attack; `run` raises AssertionError where the target does not answer it rightly."""

    name: str
    run: Run
    cheap: bool = True


class Table:
    """The attacks of one area, in the order in which they are written down."""

    def __init__(self) -> None:
        self.attacks: list[Attack] = []

    def __call__(self, name: str, *, cheap: bool = True) -> Callable[[Run], Run]:
        """Add a function as an attack."""

        def add(run: Run) -> Run:
            self.attacks.append(Attack(name, run, cheap))
            return run

        return add

    def each(self, names: dict[str, Run], *, cheap: bool = True) -> None:
        """Add several attacks of one kind."""
        self.attacks += [Attack(name, run, cheap) for name, run in names.items()]
