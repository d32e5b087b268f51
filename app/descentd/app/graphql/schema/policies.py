"""Policies: those in force now or earlier, what another one would decide, and putting policies in force."""

from typing import Annotated, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import After, AsOf, First
from descentd.app.graphql.schema.connections import Connection, Edge, page_info
from descentd.app.graphql.schema.enums import GateOutcome
from descentd.app.graphql.schema.gates import RuleOutcome, rules
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count, Digest, Ref
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.app.server.policy_files import policy_text, read_policy
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief
from descentd.queries.governance import policies
from descentd.queries.governance.cel.sandbox import in_turn
from descentd.queries.governance.gate.trial import try_policy
from descentd.queries.pages import page

MOST_POLICIES: Final = 50
"""Policies that are put in force at once."""
Text = Annotated[str, strawberry.argument(description="The policy, as the YAML text of its file.")]


@strawberry.type(description="A rule of a policy.")
class PolicyRule:
    """Rule of a policy."""

    name: str = strawberry.field(description="The name by which decisions mention it.")
    expression: str = strawberry.field(description="A CEL expression that must be true.")
    message: str | None = strawberry.field(description="What it demands.")


@strawberry.type(description="The rules that a version must meet before it may serve in an environment.")
class Policy(Record, kind=Kind.POLICY):
    """Policy."""

    @strawberry.field(description="The environment.")
    @batched
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="The number of people who must decide GO.")
    @batched
    async def quorum(self, info: Info) -> Count:
        return Count((await self._content(info))["quorum"])

    @strawberry.field(description="The rules, all of which must be met.")
    @batched
    async def rules(self, info: Info) -> list[PolicyRule]:
        return [PolicyRule(**{"message": None, **rule}) for rule in (await self._content(info))["rules"]]

    @strawberry.field(description="The digest of its rules, by which decisions name it.")
    @batched
    async def digest(self, info: Info) -> Digest:
        return Digest(policies.policy_digest(await self._content(info)))

    @strawberry.field(description="Whether it is in force in its environment.")
    async def in_force(self, info: Info) -> bool:
        place = (await self._content(info))["environment"]
        found = await policies.policy_in_force(context(info).registry.store, place, self.at)
        return found is not None and found.id == self.id

    @strawberry.field(description="The policy as the YAML text of an equivalent file.")
    @batched
    async def text(self, info: Info) -> str:
        return policy_text(await self._content(info))


@strawberry.type(description="What the gate would decide about a version under a policy that is not in force.")
class TrialOutcome:
    """Outcome of a trial."""

    version: ModelVersion = strawberry.field(description="The version.")
    outcome: GateOutcome = strawberry.field(description="The outcome.")
    rules: list[RuleOutcome] = strawberry.field(description="The outcome of each rule.")


@strawberry.type(description="A policy that is tried before it is put in force.")
class PolicyTrial:
    """Trial."""

    environment: str = strawberry.field(description="The environment that it is for.")
    digest: Digest = strawberry.field(description="The digest of its rules.")
    in_force: bool = strawberry.field(description="Whether the policy in force there has the same rules.")
    policy: strawberry.Private[policies.Policy]

    @strawberry.field(
        description="What the gate would say, in log order, of versions or of all there are. A GO that was given under "
        "another policy is void, as it would be then."
    )
    async def outcomes(
        self,
        info: Info,
        of: Annotated[list[Ref] | None, strawberry.argument(description="The versions; all by default.")] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[TrialOutcome]:
        found = await try_policy(context(info).registry, self.policy, of, first, after)
        context(info).answered_at(found.upto)
        edges = [
            Edge(
                cursor=cursor,
                node=TrialOutcome(
                    version=node(gate.version, found.upto), outcome=gate.outcome, rules=rules(gate.rules, found.upto)
                ),
            )
            for gate, cursor in found.items
        ]
        cursors = [cursor for _, cursor in found.items]
        return Connection(
            total_count=Count(found.total), page_info=page_info(cursors, more=found.more, after=after), edges=edges
        )


@strawberry.type
class PolicyQuery:
    """Policies."""

    @strawberry.field(description="The policies in force, or all that ever were in force, in log order.")
    async def policies(
        self,
        info: Info,
        environment: Annotated[
            str | None, strawberry.argument(description="Only policies of this environment.")
        ] = None,
        history: Annotated[
            bool, strawberry.argument(description="Include policies that are no longer in force.")
        ] = False,
        first: First = None,
        after: After = None,
        as_of: AsOf = None,
    ) -> Connection[Policy]:
        registry = context(info).registry
        asked = page(first, after, await registry.sequence(as_of), ["policies", environment, history, as_of])
        context(info).answered_at(asked.upto, as_of)
        found = await policies.policy_history(registry, asked.upto, environment, all=history)
        rest = [one.entry for one in found if asked.after is None or one.entry.sequence > asked.after[0]]
        edges = [
            Edge(
                cursor=asked.cursor(entry.sequence),
                node=node(Brief(entry.sequence, Kind.POLICY, entry.record.id, None), asked.upto),
            )
            for entry in rest[: asked.first]
        ]
        return Connection(
            total_count=Count(len(found)),
            page_info=page_info([edge.cursor for edge in edges], more=len(rest) > asked.first, after=after),
            edges=edges,
        )

    @strawberry.field(
        description="Tries a policy that is not in force: whether it is valid, and what it would decide. Nothing is "
        "recorded."
    )
    async def policy_trial(
        self,
        info: Info,
        policy: Text,
        name: Annotated[str, strawberry.argument(description="The name of its file, for messages.")] = "policy",
    ) -> PolicyTrial | None:
        proposed = await in_turn(lambda: policies.Policy.proposed(read_policy(policy, name)))
        registry = context(info).registry
        at = await registry.sequence()
        context(info).answered_at(at)
        current = await policies.policy_in_force(registry.store, proposed.environment, at)
        return PolicyTrial(
            environment=proposed.environment,
            digest=Digest(proposed.digest),
            in_force=current is not None and current.digest == proposed.digest,
            policy=proposed,
        )


@strawberry.type
class PolicyMutation:
    """Putting policies in force."""

    @strawberry.mutation(
        description="Put policies in force, each in its environment, all or none; no restart is needed. Returns those "
        "that were not in force already."
    )
    async def apply_policies(
        self,
        info: Info,
        policies: Annotated[
            list[str], strawberry.argument(description="The policies, each as the YAML text of a file.")
        ],
    ) -> list[Policy]:
        registry = context(info).registry
        given = await in_turn(lambda: _read_all(policies))
        ids = await _register(info, given)
        at = await registry.sequence()
        context(info).answered_at(at)
        found = await registry.store.resolve(ids) if ids else {}
        return [node(found[id], at) for id in ids]


def _read_all(texts: list[str]) -> list[policies.PolicyInput]:
    """The policies in some texts; raises Invalid with all problems."""
    if len(texts) > MOST_POLICIES:
        raise InvalidInput(f"{len(texts)} policies are too many at once: send up to {MOST_POLICIES}.", "policies")
    found: list[policies.PolicyInput] = []
    wrong: list[DescentError] = []
    for i, text in enumerate(texts):
        try:
            policy = read_policy(text, f"policies[{i}]")
        except Invalid as error:
            wrong += error.problems
            continue
        if policy.environment in {other.environment for other in found}:
            wrong.append(InvalidInput(f"There are two policies for {policy.environment}: keep one.", f"policies[{i}]"))
        found.append(policy)
    if wrong:
        raise Invalid(wrong)
    return found


async def _register(info: Info, given: list[policies.PolicyInput]) -> list[str]:
    return await policies.register_policies(context(info).registry, given, context(info).person)
