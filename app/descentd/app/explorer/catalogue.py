"""All pages, and those that the menu leads to."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.page import Page
from descentd.app.explorer.pages import go, home, record, search

PAGES: Final[Sequence[Page]] = (home.PAGE, search.PAGE, go.PAGE, record.PAGE)

MENU: Final = ()
"""The views that every page leads to, in order; `menu.VIEW` in the catalogue of texts is what they are called."""
