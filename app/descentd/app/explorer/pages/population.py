"""`/population`: which versions learned from whom or what, with the data that shows it."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from descentd.app.explorer.called import called_ref
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.pages.environments import environment_of
from descentd.app.explorer.pages.serving import deployed_versions, marked_cells, now_of
from descentd.app.explorer.table import Cell, Column, Table, count_cell
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.reach import ExposureVerdict, Term
from descentd.queries.lineage.exposure import Answer, Exposure, exposure, population
from descentd.queries.lineage.paths import Derivation
from descentd.queries.lineage.versions import VersionFilter
from descentd.queries.production.deployments import Deployment, serving

_SHOWN: Final = 50
_VALUES: Final = 500
_STEPS: Final = 6
"""Steps of a derivation that are shown."""
_COLUMNS: Final = (
    Column("version", says=True),
    Column("answer", says=True),
    Column("shown_by", says=True),
    Column("serves"),
)
_TONES: Final = {ExposureVerdict.TRAINED: "bad", ExposureVerdict.NOT_TRAINED: "good", ExposureVerdict.UNKNOWN: "open"}


async def _show(asked: Asked) -> View:
    registry, query, t = asked.registry, asked.query, asked.words
    vocabulary = await registry.walk.vocabulary(asked.upto)
    serves = await serving(registry, None, None, now_of(asked), asked.upto)
    environments = sorted({one.place[0] for one in serves})
    environment = await environment_of(asked, environments)
    attribute, value = query.get("attribute", "").strip(), query.get("value", "").strip()
    if not attribute and "=" in value:
        attribute, _, value = (part.strip() for part in value.partition("="))
    values: dict[str, object] = {
        "vocabulary": vocabulary,
        "environments": environments,
        "environment": environment,
        "attribute": attribute,
        "value": value,
        "counts": None,
    }
    if not value:
        return View(t("population.title"), values, [_vocabulary_table(asked, vocabulary)])
    attribute = attribute or _attribute_of(vocabulary, value)
    wanted = VersionFilter(serving_in=environment) if environment else None
    question = await exposure(registry, population([(attribute, [value])]), wanted, asked.as_of)
    verdict = asked.one_of(ExposureVerdict, "verdict") or ExposureVerdict.TRAINED
    found = await question.versions(frozenset({verdict}), asked.most(_SHOWN), asked.cursor())
    places: dict[str, list[str]] = {}
    for one in serves:
        places.setdefault(one.version, []).append(" ".join(one.place))
    rows = await _rows(asked, found.items, places)
    values |= {
        "attribute": attribute,
        "counts": await question.counts(),
        "verdict": verdict,
        "spelling": await question.spelling(),
    }
    tables = [asked.listed("learned", _COLUMNS, rows, found.total, found.items[-1].cursor if found.more else None)]
    if environment is None:  # of one, what serves there is all that the question is about
        tables.insert(0, await _deployed(asked, population([(attribute, [value])]), serves, places))
    return View(t("population.titled", attribute=attribute, value=value), values, tables)


async def _deployed(
    asked: Asked, terms: Sequence[Term], serves: Sequence[Deployment], places: Mapping[str, list[str]]
) -> Table:
    """Of what serves now that which learned from it, or of which nobody can tell."""
    if not serves:
        return Table("deployed_learned", _COLUMNS)
    briefs = await deployed_versions(asked, serves)
    within = np.array(sorted(brief.sequence for brief in briefs.values()), dtype=np.int64)
    question = Exposure(asked.registry, terms, within, asked.upto, "serving")
    wanted = frozenset({ExposureVerdict.TRAINED, ExposureVerdict.UNKNOWN})
    name = "deployed_learned"
    found = await question.versions(wanted, asked.most(_SHOWN), asked.cursor(name))
    rows = await _rows(asked, found.items, places)
    return asked.listed(name, _COLUMNS, rows, found.total, found.items[-1].cursor if found.more else None, name)


async def _rows(asked: Asked, answers: Sequence[Answer], places: Mapping[str, list[str]]) -> Sequence[tuple[Cell, ...]]:
    served = await marked_cells(asked, [one.record for one in answers if one.record.id in places])
    return [_row(asked, answer, places, served) for answer in answers]


def _row(asked: Asked, answer: Answer, places: Mapping[str, list[str]], served: Mapping[str, Cell]) -> tuple[Cell, ...]:
    t = asked.words
    direct = "" if answer.direct is None else t("population.direct" if answer.direct else "population.inherited")
    ground = answer.ground
    shown = Cell()
    if ground is not None:
        shown = asked.record(ground.source, note=way(ground.via))
    return (
        served.get(answer.record.id) or asked.record(answer.record),
        Cell(t(f"population.{answer.verdict}"), tone=_TONES[answer.verdict], note=direct, value=answer.verdict),
        shown,
        Cell(", ".join(places.get(answer.record.id, ()))),
    )


def way(via: Derivation) -> str:
    """A derivation in a line, its middle left out where it is long."""
    names = [called_ref(step.ref) for step in via]
    if len(names) > _STEPS:
        half = _STEPS // 2
        names = [*names[:half], f"… {len(names) - _STEPS} more …", *names[-half:]]
    return " → ".join(names) if len(names) > 1 else ""


def _attribute_of(vocabulary: Mapping[str, Mapping[str, int]], value: str) -> str:
    """The attribute that has a value, if none has it so that has it in another case; else the only one that there is.

    Raises InvalidInput where that leaves none or several.
    """
    folded = value.casefold()
    having = [attribute for attribute, values in vocabulary.items() if value in values]
    having = having or [
        attribute for attribute, values in vocabulary.items() if any(one.casefold() == folded for one in values)
    ]
    having = having or list(vocabulary)
    if len(having) != 1:
        raise InvalidInput("Choose which attribute has that value, as `age_group`.", "attribute")
    return having[0]


def _vocabulary_table(asked: Asked, vocabulary: Mapping[str, Mapping[str, int]]) -> Table:
    held = [(attribute, value, count) for attribute, values in vocabulary.items() for value, count in values.items()]
    part = asked.part(held, _VALUES, "vocabulary")
    rows = [
        (
            Cell(attribute),
            Cell(value, asked.to("population", attribute=attribute, value=value)),
            count_cell(count),
        )
        for attribute, value, count in part.items
    ]
    columns = [Column("attribute"), Column("value"), Column("partitions", number=True)]
    return part.table("vocabulary", columns, rows)


PAGE = Page(
    "population",
    "/population",
    _show,
    takes=("attribute", "value", "environment"),
    choices={"verdict": Vocabulary(tuple(ExposureVerdict))},
)
