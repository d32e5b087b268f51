"""The tests. Assertions of what they share show their values as those of the tests do."""

import pytest

# Before anything is imported from these, or pytest could no longer rewrite it.
pytest.register_assert_rewrite("tests.app", "tests.client", "tests.graph", "tests.queries", "tests.support")
