"""`make attack`: attack a real server, and say of each attack whether it was answered rightly; else exit 1."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.attack.checklist import attacks
from tests.attack.target import Target


def main() -> int:
    """Run all attacks, in one line each."""
    chosen = [one for one in attacks() if all(word in one.name for word in sys.argv[1:])]
    wrong = 0
    with TemporaryDirectory() as folder, Target(Path(folder)) as target:
        for one in chosen:
            begin = time.perf_counter()
            try:
                one.run(target)
                target.check_alive()
                found = ""
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
                wrong += 1
            took = time.perf_counter() - begin
            _say(f"{'WRONG' if found else 'right'}  {took:6.2f} s  {one.name}")
            if found:
                _say(f"       {found[:600]}")
        if traces := target.traces():
            wrong += 1
            _say(f"WRONG  the server's log holds errors of its own: {str(traces)[:2000]}")
    _say(f"{len(chosen)} attacks, {len(chosen) - wrong} answered rightly")
    return 1 if wrong or not chosen else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
