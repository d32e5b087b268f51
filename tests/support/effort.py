"""How many examples tests try: a sixth of those of `make test-thorough`, unless `DESCENT_TEST_EFFORT` is thorough."""

import os
from typing import Final

from hypothesis import HealthCheck, settings

PROFILES: Final = {"ci": 6, "thorough": 1}
"""Into how many parts each divides what a thorough run does, of which it does one."""
PROFILE: Final = os.environ.get("DESCENT_TEST_EFFORT", "ci")


def some_of(thorough: int) -> int:
    """How many examples, runs or kills a test tries now, of those in a thorough run. Properties have 100 by default."""
    return max(1, thorough // PROFILES[PROFILE])


for _name in PROFILES:
    # How long an example takes says more about what else the machine does than about the code.
    settings.register_profile(
        _name, max_examples=some_of(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile(PROFILE)
