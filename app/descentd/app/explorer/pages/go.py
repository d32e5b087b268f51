"""`/go?ref=…` leads to the page of a record."""

from starlette.responses import RedirectResponse

from descentd.app.explorer.page import Asked, Page
from descentd.graph.model.errors import InvalidInput


async def _show(asked: Asked) -> RedirectResponse:
    ref = asked.query.get("ref", "").strip()
    if not ref:
        raise InvalidInput("Nothing is asked for: write what to go to behind ?ref=.", "ref")
    return RedirectResponse(asked.to("record", ref), 303)


PAGE = Page("go", "/go", _show)
