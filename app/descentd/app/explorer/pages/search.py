"""`/search?q=…`: records by name, a digest's beginning, or words; `?kind=`: all of a kind; `/go?ref=…`: by ref."""

from collections import Counter
from collections.abc import Callable, Sequence

from starlette.responses import RedirectResponse, Response

from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.table import Cell, Column, Table
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import ref, words
from descentd.graph.model.records import Brief
from descentd.queries.lineage.search import search
from descentd.queries.overview.version_status import is_assessed, worsened
from descentd.queries.registry import about

_SHOWN = 50
_MODELS = 5
"""Models whose newest version is shown first."""
_WORD = 4
"""Letters from which on a word is looked for within names of metrics."""
_COLUMNS = (Column("record"), Column("kind"), Column("ref"))


async def _show(asked: Asked) -> View | Response:
    text = asked.query.get("q", "").strip()
    kind = asked.one_of(Kind, "kind")
    if not text:
        tables = [await all_of(asked, kind, "found", _SHOWN, asked.record)] if kind else []
        return View(asked.words("search.title"), {"text": "", "kind": kind, "kinds": list(Kind)}, tables)
    if (named := await exactly(asked, text)) is not None:
        return RedirectResponse(asked.to("record", named), 303)
    records, table = await found(asked, text, [kind] if kind else None, asked.record)
    values = {
        "text": text,
        "assessing": await _is_assessing(asked),
        "total": table.total,
        "newest": await _newest(asked, records),
        "worse": _worse(asked, text),
        "kind": kind,
        "kinds": list(Kind),
    }
    return View(asked.words("search.titled", text=text), values, [table])


async def all_of(asked: Asked, kind: Kind, name: str, shown: int, leading: Callable[[Brief], Cell]) -> Table:
    """The table of a name of all records of a kind, the newest first; `leading`: the cell of each."""
    held = await asked.registry.walk.everything(asked.upto, kind)
    part = asked.part(held.tolist()[::-1], shown)
    records = await asked.registry.store.briefs(part.items) if part.items else ()
    return part.table(name, _COLUMNS, _record_rows(asked, records, leading))


async def found(
    asked: Asked, text: str, kinds: Sequence[Kind] | None, leading: Callable[[Brief], Cell]
) -> tuple[Sequence[Brief], Table]:
    """A page of the records of some kinds that a text finds, and the table of them; `leading`: the cell of each.

    Raises InvalidInput for a text that cannot be searched for.
    """
    with about("q"):
        listed = await search(asked.registry, text, kinds, asked.most(_SHOWN), asked.cursor(), asked.as_of)
    records = [one for one, _ in listed.items]
    rows = _record_rows(asked, records, leading)
    return records, asked.listed("found", _COLUMNS, rows, listed.total, listed.items[-1][1] if listed.more else None)


def _record_rows(asked: Asked, records: Sequence[Brief], leading: Callable[[Brief], Cell]) -> list[Sequence[Cell]]:
    """A row for each record: the cell that leads on, its kind and its ref."""
    return [(leading(one), Cell(asked.words(f"kind.{one.kind}")), Cell(one.ref, tone="soft")) for one in records]


async def _is_assessing(asked: Asked) -> bool:
    """Whether what got worse is still being worked out: then there are evaluations, which are looked for only then."""
    if asked.as_of is not None or is_assessed(asked.registry):
        return False
    return await asked.registry.walk.count(asked.upto, Kind.EVALUATION) > 0


def _worse(asked: Asked, text: str) -> Sequence[tuple[str, int]]:
    """Metrics with one of the words in their name that got worse, and of how many versions: metrics are no records."""
    if asked.as_of is not None:
        return ()
    wanted = [word for word in words(text) if len(word) >= _WORD]
    counts: Counter[str] = Counter()
    for version in worsened(asked.registry).values():
        names = {finding.metric for finding in version.findings}
        counts.update(name for name in names if any(word in name.casefold() for word in wanted))
    return counts.most_common(_MODELS)


async def _newest(asked: Asked, found: Sequence[Brief]) -> Sequence[Brief]:
    """The newest version of each model of which several were found: most who search for a model look for that."""
    names = Counter(one.ref.rpartition("@")[0] for one in found if one.kind is Kind.MODEL_VERSION)
    several = [name for name, count in names.most_common(_MODELS) if count > 1]
    held = await asked.registry.store.find_by_keys(several) if several else {}
    newest = [max(one for one in held[name] if one <= asked.upto) for name in several if name in held]
    return await asked.registry.store.briefs(newest) if newest else ()


async def exactly(asked: Asked, text: str) -> str | None:
    """The ref of the record where the text is one."""
    try:
        normal = ref(text)
    except InvalidInput:
        return None
    brief = (await asked.registry.store.resolve([normal])).get(normal)
    return brief.ref if brief is not None and brief.sequence <= asked.upto else None


async def _go(asked: Asked) -> RedirectResponse:
    ref = asked.query.get("ref", "").strip()
    if not ref:
        raise InvalidInput("The ref is missing: write it after ?ref=.", "ref")
    return RedirectResponse(asked.to("record", ref), 303)


PAGE = Page("search", "/search", _show, takes=("q",), choices={"kind": Vocabulary(tuple(Kind))})
GO = Page("go", "/go", _go)
