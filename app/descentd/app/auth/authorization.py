"""Authorization tables: which roles may use each root field of the schema, each route and each section of a manifest.

What is not in these tables is refused to everybody. A token has the union of its roles; every role may read.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import Forbidden, Invalid

VIEWER, REGISTRAR, EVALUATOR, REVIEWER, ADMIN, AUDITOR = AccessRole

Roles = frozenset[AccessRole]
Table = Mapping[str, Roles]

READERS: Final[Roles] = frozenset(AccessRole)
PUBLIC: Final[Roles] = frozenset()
"""Of a route: no token is asked for."""

FIELDS: Final[Table] = {
    **dict.fromkeys(("Query.__typename", "Query.__schema", "Query.__type"), READERS),
    **dict.fromkeys(("Mutation.__typename", "Subscription.__typename"), READERS),
    # Questions
    "Query.me": READERS,
    "Query.entity": READERS,
    "Query.entities": READERS,
    "Query.node": READERS,
    "Query.modelVersions": READERS,
    "Query.search": READERS,
    "Query.history": READERS,
    "Query.proof": READERS,
    "Query.populationVocabulary": READERS,
    "Query.lineage": READERS,
    "Query.kin": READERS,
    "Query.impact": READERS,
    "Query.trainedOn": READERS,
    "Query.paths": READERS,
    "Query.evaluations": READERS,
    "Query.trend": READERS,
    "Query.erosion": READERS,
    "Query.erosions": READERS,
    "Query.erosionGroups": READERS,
    "Query.diff": READERS,
    "Query.gate": READERS,
    "Query.policies": READERS,
    "Query.policyTrial": frozenset({REGISTRAR, REVIEWER, ADMIN}),  # it runs what was sent
    "Query.serving": READERS,
    "Query.probes": READERS,
    "Query.documentationDrift": READERS,
    "Query.incidents": READERS,
    "Query.accessLog": frozenset({AUDITOR, ADMIN}),
    # Acts
    "Mutation.register": READERS,  # what may be in the manifest is in SECTIONS
    # An evaluator only its own, and an admin only reviews of people who have left and named evaluators: the act itself
    # looks at that.
    "Mutation.retract": frozenset({REVIEWER, EVALUATOR, ADMIN}),
    "Mutation.review": frozenset({REVIEWER}),
    "Mutation.flag": frozenset({REVIEWER}),
    "Mutation.promote": frozenset({REGISTRAR}),
    "Mutation.applyPolicies": frozenset({ADMIN}),
    "Mutation.deploy": frozenset({REGISTRAR}),
    "Mutation.endDeployment": frozenset({REGISTRAR}),
    "Mutation.reportIncident": frozenset({REGISTRAR}),
    "Mutation.resolveIncident": frozenset({REGISTRAR}),
    "Subscription.events": READERS,
}

PAGES: Final[Table] = {
    "/": READERS,
    "/search": FIELDS["Query.search"],
    "/go": FIELDS["Query.entity"],
    "/record/{ref:path}": FIELDS["Query.entity"],
    "/gate/{ref:path}": FIELDS["Query.gate"],
    "/reviews": FIELDS["Query.gate"],
    "/serving": FIELDS["Query.serving"],
    "/incidents": FIELDS["Query.incidents"],
    "/erosions": FIELDS["Query.erosionGroups"],
    "/drift": FIELDS["Query.documentationDrift"],
    "/policies": FIELDS["Query.policies"],
    "/population": FIELDS["Query.trainedOn"],
    "/impact/{ref:path}": FIELDS["Query.impact"],
    "/diff/{ref:path}": FIELDS["Query.diff"],
    "/trend/{ref:path}": FIELDS["Query.trend"],
    "/lineage/{ref:path}": FIELDS["Query.lineage"],
    "/graphql": READERS,
}
"""The pages of the explorer, by their routes. What is done on a page is a root field of the schema, for its roles."""

ROUTES: Final[Table] = {
    # They find out who visits by themselves, because browsers come with sessions, and lead to the page for signing in.
    **dict.fromkeys(PAGES, PUBLIC),
    **dict.fromkeys((path.removesuffix("/{ref:path}") for path in PAGES), PUBLIC),  # which offer records to choose from
    **dict.fromkeys(("/sign-in", "/sign-in/provider", "/sign-in/callback", "/sign-out"), PUBLIC),
    "/static/{digest}/{name:path}": PUBLIC,  # what pages look like: nothing of what is registered
    "/graphql": READERS,  # and then each field; its page is for the same people
    "/records": READERS,  # reading the log; and registering, where what may be in the manifests is in SECTIONS
    "/bulk": READERS,  # the latter alone
    "/mcp": READERS,  # and then each tool
    "/admission/{environment:path}": READERS,  # it records nothing
    # What is asked by machines without a token, tells nothing of what is registered, and has to answer also while the
    # store that knows the tokens is away.
    "/checkpoint": PUBLIC,  # for witnesses; size and root say no more than /readyz does
    "/livez": PUBLIC,
    "/readyz": PUBLIC,
    "/version": PUBLIC,
    "/metrics": PUBLIC,
    # They look at signatures and tokens themselves, because a signature is over the raw body: see WEBHOOKS.
    "/webhooks/alertmanager": PUBLIC,
    "/webhooks/cloudevents": PUBLIC,
    "/webhooks/alerts": PUBLIC,
}

TOOLS: Final[Table] = {
    "search": FIELDS["Query.search"],
    "get_version": FIELDS["Query.entity"],
    "get_lineage": FIELDS["Query.lineage"],
    "paths_between": FIELDS["Query.paths"],
    "impact": FIELDS["Query.impact"],
    "who_learned_from": FIELDS["Query.trainedOn"],
    "erosion": FIELDS["Query.erosion"],
    "diff": FIELDS["Query.diff"],
    "explain_gate": FIELDS["Query.gate"],
    "serving_at": FIELDS["Query.serving"],
    "incident_context": FIELDS["Query.incidents"],
}
"""The tools of assistants, at /mcp. They read; each root field that one asks for is looked at as well."""

WEBHOOKS: Final[Table] = {
    "/webhooks/alertmanager": frozenset({REGISTRAR}),
    "/webhooks/cloudevents": frozenset({REGISTRAR}),
    "/webhooks/alerts": frozenset({REGISTRAR}),
}
"""Who may deliver with a token; who signs a delivery with a shared secret comes with these roles and no others."""

SECTIONS: Final[Table] = {
    "metrics": frozenset({EVALUATOR, ADMIN}),
    "datasets": frozenset({REGISTRAR}),
    "models": frozenset({REGISTRAR}),
    "evaluations": frozenset({EVALUATOR}),
    "safetyProfiles": frozenset({REGISTRAR}),
    "populations": frozenset({REGISTRAR}),
    "vulnerabilities": frozenset({EVALUATOR}),
    "notes": READERS,  # recorded as of whoever sends them
    "disclosures": frozenset({REGISTRAR}),
    "tensorDigests": frozenset({REGISTRAR}),
    "signatures": frozenset({REGISTRAR}),
}
"""The parts of a manifest."""

NOBODY: Final[Roles] = frozenset()


def check_fields(fields: Iterable[str], held: Collection[AccessRole], table: Table = FIELDS) -> None:
    """Raise Forbidden where one of the root fields (`Query.entity`) is not for any of the roles held."""
    for field in fields:
        if (refusal := _refusal(field.partition(".")[2], table.get(field, NOBODY), held)) is not None:
            raise refusal


def may(field: str, held: Collection[AccessRole]) -> bool:
    """Whether a root field is for one of the roles held: what is not is not offered."""
    return _refusal(field, FIELDS.get(field, NOBODY), held) is None


def check_route(path: str, held: Collection[AccessRole]) -> None:
    """Raise Forbidden where a route is not for any of the roles held."""
    if (refusal := _refusal(path, ROUTES.get(path, NOBODY), held)) is not None:
        raise refusal


def check_page(route: str, held: Collection[AccessRole]) -> None:
    """Raise Forbidden where a page of the explorer is not for any of the roles held."""
    if (refusal := _refusal("This page", PAGES.get(route, NOBODY), held)) is not None:
        raise refusal


def check_tool(name: str, held: Collection[AccessRole], table: Table = TOOLS) -> None:
    """Raise Forbidden where a tool is not for any of the roles held."""
    if (refusal := _refusal(name, table.get(name, NOBODY), held)) is not None:
        raise refusal


def check_webhook(path: str, held: Collection[AccessRole]) -> None:
    """Raise Forbidden where a webhook does not take deliveries from any of the roles held."""
    if (refusal := _refusal(path, WEBHOOKS.get(path, NOBODY), held)) is not None:
        raise refusal


def retraction_limits(held: Collection[AccessRole]) -> dict[str, bool]:
    """How far roles let a person retract, as `retractions.retract` takes it: `own` records alone, as an `admin`."""
    return {"own": AccessRole.REVIEWER not in held, "admin": AccessRole.ADMIN in held}


def sections_of(held: Collection[AccessRole]) -> list[str]:
    """The sections of a manifest that whoever holds these roles may register."""
    return [section for section, wanted in SECTIONS.items() if wanted & frozenset(held)]


def check_manifest(
    manifest: ManifestInput, held: Collection[AccessRole], turned: Mapping[int, str] = MappingProxyType({})
) -> None:
    """Raise Invalid with a Forbidden for each section of a manifest that is not for any of the roles held.

    turned: the metrics of the catalogue that it turns round, by place: what every result of them means is for an admin.
    """
    given = {name for name, value in manifest.__dict__.items() if value}
    refusals = [
        refusal
        for section, wanted in SECTIONS.items()
        if _ATTRIBUTES[section] in given
        and (refusal := _refusal(f"Registering {section}", wanted, held, field=section)) is not None
    ]
    refusals += [
        refusal
        for i, name in turned.items()
        if (refusal := _refusal(f"Turning {name} round", frozenset({ADMIN}), held, field=f"metrics[{i}].direction"))
    ]
    if refusals:
        raise Invalid(refusals)


_ATTRIBUTES: Final = {field.alias or name: name for name, field in ManifestInput.model_fields.items()}


def _refusal(what: str, wanted: Roles, held: Collection[AccessRole], field: str | None = None) -> Forbidden | None:
    if wanted & frozenset(held):
        return None
    if not wanted:
        return Forbidden(f"{what} is not available to any role.", field)
    needed = (
        AccessRole.VIEWER.value
        if wanted == READERS
        else " or ".join(role.value for role in AccessRole if role in wanted)
    )
    having = ", ".join(role.value for role in AccessRole if role in held) or "none"
    return Forbidden(f"{what} needs the role {needed}, and this token has {having}: use a token with that role.", field)
