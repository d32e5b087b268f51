"""Pages of gates and of what serves: who may decide, what is in the way, and what is said beside it."""

import csv
import io
import re
from collections.abc import AsyncIterator

import pytest

from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import DeploymentInput, FlagInput, IncidentInput, RetractionInput, ReviewInput
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag
from descentd.queries.governance.gate.promotion import promote
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report
from descentd.queries.retractions import retract
from tests.app.explorer.bank import FIRST, POLICY, PROFILE, SECOND, THIRD, fill, manifest
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await visit.register(**manifest())
        yield visit


async def test_who_cannot_say_go_is_not_offered_it(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    await bank.register("local", models=[{"name": "own", "version": "1", "config": {"a": 1}, "safetyProfile": PROFILE}])
    offered = [a["value"] for _, a in tags((await bank.get(f"/gate/{THIRD}")).text, "input") if a["name"] == "decision"]
    assert offered == ["GO", "NO_GO", "ABSTAIN"]
    page = (await bank.get("/gate/model:own@1")).text
    assert [a["value"] for _, a in tags(page, "input") if a["name"] == "decision"] == ["NO_GO", "ABSTAIN"]
    assert "local registered own 1 and cannot approve it: another person has to." in text_of(page)


async def test_codes_of_rules_are_words_on_the_page_of_a_gate(bank: Visit) -> None:
    rule = "  - name: no-erosion\n    expression: erosion.verdict != 'ERODED'\n"
    policy = POLICY.replace("rules:\n", "rules:\n" + rule)
    await register_policies(bank.registry, [read_policy(policy, "production.yaml")])
    said = text_of((await bank.get(f"/gate/{THIRD}")).text)
    assert "Safety got worse (" in said
    assert "ERODED" not in said
    assert "STEP_REGRESSION" not in said


async def test_what_cannot_be_told_is_not_said_to_be_in_the_way(bank: Visit) -> None:
    """A rule that blocks and one that lacks evidence ask for different things."""
    policy = (
        POLICY.replace("0.8", "0.99") + "  - name: robust\n    expression: metrics['robustness'].all(m, m.value > 0)\n"
    )
    await register_policies(bank.registry, [read_policy(policy, "production.yaml")])
    said = text_of((await bank.get(f"/gate/{FIRST}?environment=production")).text)
    assert "2 things are in the way. 1 thing cannot be told, since evidence is missing." in said  # nobody has said go
    assert "robust (evidence is missing) :" in said
    assert "accurate : " in said


async def test_an_approval_is_shown_beside_the_gate_that_blocks(bank: Visit) -> None:
    policy = POLICY.replace("0.8", "0.99")
    await register_policies(bank.registry, [read_policy(policy, "production.yaml")])
    go = {"subject": FIRST, "environment": "production", "decision": "GO", "reason": "Rates are as they were."}
    await review(bank.registry, ReviewInput.read(go), "rita")
    said = text_of((await bank.get(f"/record/{FIRST}")).text)
    assert "✗ Approved by its reviewers, but blocked" in said
    assert "The gate of production blocks it: accurate." in said


async def test_a_version_says_of_every_gate_whether_it_lets_it_in_or_what_blocks_it(bank: Visit) -> None:
    """Where nobody has to say go, that is no go: its rules decide."""
    exact = POLICY.replace("0.8", "0.99")
    policies = {
        "open": POLICY.replace("quorum: 1", "quorum: 0"),
        "production": exact.replace("quorum: 1", "quorum: 0"),
        "staging": POLICY,
        "strict": exact,
        "blind": POLICY.replace('metrics["accuracy"]', 'metrics["toxicity_score"]').replace("quorum: 1", "quorum: 0"),
    }
    for name, policy in policies.items():
        text = policy.replace("environment: production", f"environment: {name}")
        await register_policies(bank.registry, [read_policy(text, f"{name}.yaml")])
    page = (await bank.get(f"/record/{FIRST}")).text
    said = text_of(page)
    for name, sentence in {
        "open": "The gate of open lets it in.",
        "production": "The gate of production blocks it: accurate.",
        "staging": "The gate of staging waits for people to say go, 0 of 1 did: all else that its policy asks for "
        "holds.",
        "strict": "The gate of strict blocks it: accurate. 0 of 1 person has said go.",
        "blind": "The gate of blind misses evidence: accurate.",
    }.items():
        assert sentence in said, name
        assert f"/gate/{FIRST}?environment={name}" in page
    assert "nobody has to say go" not in said
    assert "◷ Not decided" in said
    go = {"subject": FIRST, "environment": "strict", "decision": "GO", "reason": "Rates are as they were."}
    await review(bank.registry, ReviewInput.read(go), "rita")
    said = text_of((await bank.get(f"/record/{FIRST}")).text)
    assert "The gate of strict blocks it: accurate." in said
    assert "person has said go" not in said


async def test_what_serves_says_why_its_profile_is_not_current() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        assert "✓ current" not in text_of((await visit.get("/serving")).text)
        said = text_of((await visit.get("/serving")).text)
        assert "? older than what is known" in said
        assert "bank/scorer 1.0" in text_of((await visit.get("/")).text).partition("without a current")[2]


@pytest.mark.parametrize("path", ["/", "/serving"])
@pytest.mark.parametrize(
    ("happens", "why"),
    [("an incident", "1 incident came after it."), ("a policy", "the policy of production is another now.")],
)
async def test_what_serves_says_why_a_go_for_it_no_longer_holds(path: str, happens: str, why: str) -> None:
    """As its gate does: only “quorum” was said."""
    async with visiting() as visit:
        await visit.register(**manifest())
        await register_policies(visit.registry, [read_policy(POLICY, "production.yaml")])
        go = {"subject": FIRST, "environment": "production", "decision": "GO", "reason": "Rates are as they were."}
        await review(visit.registry, ReviewInput.read(go), "rita")
        await promote(visit.registry, FIRST, "production", "ana")
        place = {"environment": "production", "endpoint": "scoring"}
        await deploy(visit.registry, DeploymentInput.read({"subject": FIRST, **place}), "ana")
        assert "✓ meets it" in text_of((await visit.get(path)).text)
        if happens == "an incident":
            given = {"title": "Declined without reasons", "severity": "HIGH", **place}
            await report(visit.registry, IncidentInput.read(given), "otto")
        else:
            policy = POLICY.replace("0.8", "0.99")
            await register_policies(visit.registry, [read_policy(policy, "production.yaml")])
        sentence = f"quorum: 0 of 1 person said go on what is known now; rita's no longer holds: {why}"
        assert f"✗ does not meet it {'accurate; ' if happens == 'a policy' else ''}{sentence}" in text_of(
            (await visit.get(path)).text
        )
        table = (await visit.get(f"{path}?format=csv&table=serving")).text
        [row] = csv.DictReader(io.StringIO(table))
        assert (row["policy"], row["policy says"].endswith(sentence)) == ("BLOCKED", True)


def verdicts(page: str) -> list[str]:
    """The classes of the verdicts of a page."""
    return [str(a["class"]) for _, a in tags(page, "div") if str(a.get("class", "")).startswith("verdict")]


async def test_who_votes_sees_what_the_version_must_not_do_and_whether_it_got_worse(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    page = (await bank.get(f"/gate/{THIRD}?environment=production")).text
    said = text_of(page)
    assert "Must not Decline an application without a person looking at it. Score anybody under 18." in said
    assert "▼ Safety got worse Safety got worse along the ancestry:" in said
    assert said.index("Score anybody under 18.") < said.index("As local I say")


async def test_a_gate_that_waits_for_people_only_says_so(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY.replace("quorum: 1", "quorum: 2"), "production.yaml")])
    path = f"/gate/{FIRST}?environment=production"
    page = (await bank.get(path)).text
    assert "◷ Waits for 2 people to say go" in text_of(page)
    assert "✗ No" not in text_of(page).replace("✗ no-go", "")
    assert verdicts(page)[0] == "verdict open"
    go = {"subject": FIRST, "environment": "production", "decision": "GO", "reason": "Rates are as they were."}
    await review(bank.registry, ReviewInput.read(go), "rita")
    said = text_of((await bank.get(path)).text)
    assert "◷ Waits for 1 person to say go" in said
    assert "1 of 2 people have said go." in said
    await review(bank.registry, ReviewInput.read(go), "rob")
    assert "✓ Yes" in text_of((await bank.get(path)).text)
    no = go | {"decision": "NO_GO", "reason": "Nobody looked at appeals."}
    await review(bank.registry, ReviewInput.read(no), "rob")
    page = (await bank.get(path)).text
    assert "✗ No" in text_of(page)
    assert verdicts(page)[0] == "verdict bad"


async def test_a_gate_that_a_rule_blocks_says_that_a_go_is_not_enough(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY.replace("0.8", "0.99"), "production.yaml")])
    page = (await bank.get(f"/gate/{FIRST}?environment=production")).text
    assert verdicts(page)[0] == "verdict bad"
    assert "A go alone does not let it serve, this is in the way too: accurate." in text_of(page)


async def test_a_page_of_the_past_speaks_of_no_decision_that_could_be_taken_there(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY.replace("0.8", "0.99"), "production.yaml")])
    given = {"subjects": [SECOND], "action": "QUARANTINE", "reason": "It leaks names."}
    entry = (await flag(bank.registry, FlagInput.read(given), "rita")).upto
    await bank.register(notes=[{"subject": FIRST, "author": "rita", "text": "Later."}])
    then = (await bank.get(f"/reviews?entry={entry}")).headers["location"].partition("?")[2]
    for ref in (FIRST, SECOND):
        for path in (f"/gate/{ref}?environment=production&{then}", f"/record/{ref}?{then}", f"/reviews?{then}"):
            page = (await bank.get(path)).text
            for of_now in ("A go alone", "Nobody decides on it", "Decide for", ">Decide</a>", "As local I say"):
                assert of_now not in page, path
    gate = text_of((await bank.get(f"/gate/{FIRST}?environment=production&{then}")).text)
    assert "0 of 1 person said go on what was known then." in gate


async def test_a_gate_decision_rests_on_what_was_known_then() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        [decision] = await visit.registry.all_of(Kind.GATE_DECISION, await visit.registry.sequence())
        said = text_of((await visit.get(f"/record/{decision.record.id}")).text)
        assert "1 of 1 person said go on what was known then (rita)." in said


async def test_nobody_is_asked_to_decide_where_the_policy_wants_nobody(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY.replace("quorum: 1", "quorum: 0"), "production.yaml")])
    said = text_of((await bank.get(f"/record/{FIRST}")).text)
    assert "Decide for production" not in said
    assert "The gate of production lets it in. What the policy of production says" in said
    gate = text_of((await bank.get(f"/gate/{FIRST}?environment=production")).text)
    assert "The policy of production wants nobody to say go" in gate


async def test_what_waits_says_what_is_claimed_and_what_is_blocked_whatever_is_decided(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    bare = "model:bare@1"
    await bank.register(models=[{"name": "bare", "version": "1", "config": {"a": 1}}])
    given = {"subject": bare, "environment": "production", "endpoint": "old", "since": "2019-05-02T00:00:00Z"}
    claimed = given | {"claimed": {"by": "The board", "source": "an example: nobody serves this version"}}
    await deploy(bank.registry, DeploymentInput.read(claimed), "ana")
    for path in ("/", "/reviews"):
        page = (await bank.get(path)).text
        said = text_of(page)
        assert "claimed to serve there: an example: nobody serves this version" in said
        assert "serves there now" not in said
        assert said.count("blocked whatever is decided: it has no safety profile") == 1
        gates = re.findall(r'<a href="/gate/([^?"]*)[^"]*">(Decide|Its gate)</a>', page)
        assert gates[-1] == (bare, "Its gate")  # the newest, after all that a decision moves
        assert ("model:bank/scorer@2.0", "Decide") in gates
        assert [what for _, what in gates].count("Its gate") == 1


async def test_what_is_in_the_way_of_a_go_is_not_the_no_go_that_it_takes_the_place_of(bank: Visit) -> None:
    """A new decision of a person replaces the one before, in any spelling of the name; those of others stand."""
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    path = f"/gate/{FIRST}?environment=production"
    no = {"subject": FIRST, "environment": "production", "decision": "NO_GO", "reason": "Nobody looked at appeals."}
    await review(bank.registry, ReviewInput.read(no), "local")
    said = text_of((await bank.get(path)).text)
    assert "A go alone does not let it serve" not in said
    assert "You said no-go on " in said
    assert "What you decide now takes its place. After a go of yours nothing is in the way." in said
    for person in ("rob", "rita"):
        await review(bank.registry, ReviewInput.read(no), person)
    said = text_of((await bank.get(path)).text)
    way = "A go alone does not let it serve, this is in the way too: the no-go of rob and the no-go of rita."
    assert way in said
    assert "nothing is in the way" not in said
    assert (await bank.send(path, "review", decision="GO", reason="They were looked at.")).status_code == 303
    said = text_of((await bank.get(path)).text)
    assert way in said
    assert "You said go on " in said


async def test_a_go_in_place_of_a_no_go_says_how_many_others_are_needed_yet(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY.replace("quorum: 1", "quorum: 2"), "production.yaml")])
    no = {"subject": FIRST, "environment": "production", "decision": "NO_GO", "reason": "Nobody looked at appeals."}
    await review(bank.registry, ReviewInput.read(no), "local")
    said = text_of((await bank.get(f"/gate/{FIRST}?environment=production")).text)
    assert "After a go of yours 1 more person has to say go." in said
    assert "A go alone" not in said


async def test_who_cannot_say_go_is_not_told_what_is_in_the_way_of_it(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY.replace("0.8", "0.99"), "production.yaml")])
    await bank.register("local", models=[{"name": "own", "version": "1", "config": {"a": 1}, "safetyProfile": PROFILE}])
    said = text_of((await bank.get("/gate/model:own@1")).text)
    assert "A go alone" not in said
    assert "cannot approve it" in said


async def test_a_rule_that_several_break_is_named_once_on_the_page_of_a_version(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    no = {"subject": FIRST, "environment": "production", "decision": "NO_GO", "reason": "Nobody looked at appeals."}
    for person in ("rob", "rita"):
        await review(bank.registry, ReviewInput.read(no), person)
    said = text_of((await bank.get(f"/record/{FIRST}")).text)
    assert "The gate of production blocks it: no-go." in said


async def test_a_go_that_was_replaced_says_at_its_gate_and_on_its_page_why_it_does_not_come_back(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    given = {"subject": FIRST, "environment": "production", "reason": "Nobody looked at appeals."}
    await review(bank.registry, ReviewInput.read(given | {"decision": "GO"}), "rita")
    no = (await review(bank.registry, ReviewInput.read(given | {"decision": "NO_GO"}), "rita")).record.id
    await retract(bank.registry, RetractionInput.read({"subjects": [no], "reason": "Somebody did."}), "rita")
    why = "rita decided again, and though that later decision was retracted, it took the place of this one for good"
    for path, whose in (
        (f"/gate/{FIRST}?environment=production", "rita's"),
        (f"/record/{FIRST}", "rita's go for production"),
        ("/reviews", "rita's go"),
    ):
        said = text_of((await bank.get(path)).text)
        assert f"{whose} no longer holds: {why}: a new one is needed" in said, path


async def test_a_go_on_conditions_is_not_shown_as_one_without(bank: Visit) -> None:
    """On the page of the gate, on that of the version and among the newest decisions; of what counts no more, not."""
    await register_policies(bank.registry, [read_policy(POLICY.replace("quorum: 1", "quorum: 2"), "production.yaml")])
    go = {"subject": FIRST, "environment": "production", "decision": "GO", "reason": "Rates are as they were."}
    on = {"conditions": ["Look again in spring.", 'At most "10" a day & no more.']}
    await review(bank.registry, ReviewInput.read(go | on), "rita")
    sentence = 'rita said go for production on condition that: Look again in spring.; At most "10" a day & no more.'
    gate, record = f"/gate/{FIRST}?environment=production", f"/record/{FIRST}"
    assert sentence in text_of((await bank.get(gate)).text)
    await review(bank.registry, ReviewInput.read(go), "rob")
    for path, verdict in ((gate, "✓ Yes, on conditions "), (record, "✓ Approved by its reviewers, on conditions ")):
        said = text_of((await bank.get(path)).text)
        assert verdict in said
        assert sentence in said
        assert 'On condition that: Look again in spring.; At most "10" a day & no more.' in said
    said = text_of((await bank.get("/reviews")).text)
    assert 'On condition that: Look again in spring.; At most "10" a day & no more.' in said
    await review(bank.registry, ReviewInput.read(go), "rita")
    for path, verdict in ((gate, "✓ Yes "), (record, "✓ Approved by its reviewers ")):
        said = text_of((await bank.get(path)).text)
        assert verdict in said
        assert "on conditions" not in said
        assert sentence not in said


async def test_the_newest_decisions_say_which_of_them_count_no_more(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    go = {"subject": FIRST, "environment": "production", "decision": "GO", "reason": "Rates are as they were."}
    await review(bank.registry, ReviewInput.read(go), "rita")
    await review(bank.registry, ReviewInput.read(go | {"decision": "ABSTAIN", "reason": "I know too little."}), "rita")
    said = text_of((await bank.get("/reviews")).text).partition("Newest decisions")[2]
    assert said.count("rita decided again") == 1
    assert said.index("I know too little.") < said.index("Rates are as they were.") < said.index("rita decided again")
