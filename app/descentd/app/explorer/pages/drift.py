"""`/drift`: versions whose safety profile is missing, old, copied, or contradicted by results."""

from typing import Final

from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.pages.environments import environment_of, environments
from descentd.app.explorer.table import Cell, Column
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.drift import DriftKind
from descentd.queries.lineage.versions import VersionFilter, documentation_drift

_SHOWN: Final = 50


async def _show(asked: Asked) -> View:
    known = await environments(asked)
    environment = await environment_of(asked, known)
    wanted = VersionFilter(name_prefix=asked.query.get("name"), serving_in=environment)
    versions = await asked.registry.walk.count(asked.upto, Kind.MODEL_VERSION)
    kind = asked.one_of(DriftKind, "kind")
    found = await documentation_drift(asked.registry, wanted, asked.most(_SHOWN), asked.cursor(), asked.as_of, kind)
    rows = [
        (
            asked.record(one.version),
            Cell(
                "; ".join(asked.words(f"drift.{finding.kind}") for finding in one.findings),
                value=";".join(finding.kind for finding in one.findings),
            ),
            Cell(asked.named(" ".join(finding.message for finding in one.findings))),
        )
        for one in found.items
    ]
    columns = [Column(key) for key in ("version", "missing", "why")]
    values = {
        "kinds": list(DriftKind),
        "kind": kind,
        "any": bool(versions),
        "environments": known,
        "environment": environment,
    }
    return View(
        asked.words("drift.title"),
        values,
        [asked.listed("drift", columns, rows, found.total, found.items[-1].cursor if found.more else None)],
    )


PAGE = Page("drift", "/drift", _show, takes=("environment", "name"), choices={"kind": Vocabulary(tuple(DriftKind))})
