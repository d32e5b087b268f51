"""`/record/REF`: everything that is known of one record, each kind in the words that fit it."""

from collections.abc import Mapping

from descentd.app.auth.authorization import check_manifest
from descentd.app.explorer.called import called
from descentd.app.explorer.forms import filled_in
from descentd.app.explorer.page import Act, Asked, Page, View
from descentd.app.explorer.pages.version import version_card
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief
from descentd.graph.registration.register import register
from descentd.queries.governance.policies import policy_by_digest


async def _show(asked: Asked) -> View:
    brief = await _find(asked)
    [entry] = await asked.registry.store.entries([brief.sequence])
    if brief.kind is Kind.MODEL_VERSION:
        return await version_card(asked, brief, entry)
    return View(called(brief), {"brief": brief, "entry": entry}, template="record.html")


async def _find(asked: Asked) -> Brief:
    """The record that the address names, a policy also by the digest that decisions name it by."""
    try:
        return await asked.registry.find(asked.ref, asked.upto, field="ref")
    except NotFound:
        if asked.ref.startswith("sha256:"):
            policy = await policy_by_digest(asked.registry, asked.ref, asked.upto)
            if policy is not None:
                return Brief(policy.sequence, Kind.POLICY, policy.record.id, None)
        raise


async def _write_note(asked: Asked, fields: Mapping[str, str]) -> str:
    """Record a note as of who writes it, or as a quotation of somebody else."""
    text = filled_in(fields, "text")
    if text is None:
        raise InvalidInput("The note is empty: write something first.", "text")
    person = asked.principal.person
    note = {"subject": asked.ref, "author": filled_in(fields, "author") or person, "text": text}
    manifest = ManifestInput.read({"notes": [note]})
    check_manifest(manifest, asked.principal.roles)
    await register(asked.registry.committer, manifest, person)
    return asked.to("record", asked.ref, done="note") + "#notes"


PAGE = Page("record", "/record/{ref:path}", _show, acts=(Act("note", "Mutation.register", _write_note),))
