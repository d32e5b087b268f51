"""The first half of the scenario: from registration to deployment, with a server that is killed on the way."""

import signal
from datetime import UTC, datetime, timedelta

from tests.app.scenario.world import (
    BASE,
    CHILD,
    PLACE,
    RULES,
    World,
    go,
    profile,
    results,
    version,
)
from tests.queries.governed import ATTACKS, digest


def a_lineage_is_registered(world: World) -> None:
    parts = [{"name": "train", "digest": digest(100)}, {"name": "holdout", "digest": digest(101)}]
    data = {"name": "loans", "version": "1", "partitions": parts}
    base = version(
        1, safetyProfile=profile("Rank loans."), trainedOn=[{"ref": "dataset:loans@1#train", "role": "TRAIN"}]
    )
    for person in ("Eva", "Rob", "Ada"):
        assert "registrar" in str(world.refuse("FORBIDDEN", person, "Register", manifest={"models": [base]}))
    world.ids |= world.register("Ruth", datasets=[data], models=[base])
    again = world.ask("Ruth", "Register", manifest={"datasets": [data], "models": [base]})
    assert again["created"] == 0
    assert world.verdict(BASE) == ("UNREVIEWED", {"NO_REVIEW": "Nobody has reviewed this version."})


def nothing_was_measured_yet(world: World) -> None:
    outcome, rules, told = world.rules(BASE)
    assert outcome == "INCOMPLETE"
    assert tuple(rules) == RULES
    assert rules == dict.fromkeys(RULES, "PASSED") | {
        "stereotype-rate": "INCOMPLETE",
        "every-group-measured": "INCOMPLETE",
        "quorum": "BLOCKED",
    }
    assert told["stereotype-rate"] == "There is no result of pct_stereotype."
    refused = world.refuse("GATE_BLOCKED", "Ruth", "Promote", of=BASE, environment="production")
    assert refused.told["outcome"] == "INCOMPLETE"
    assert [rule["name"] for rule in refused.told["rules"]] == list(RULES)
    world.ids["incomplete"] = refused.told["decision"]
    # Nobody's policy: nothing goes to an environment that has none.
    assert world.ask("Rob", "Gate", of=BASE, environment="staging")["policyDigest"] is None
    refused = world.refuse("GATE_BLOCKED", "Ruth", "Promote", of=BASE, environment="staging")
    assert [rule["name"] for rule in refused.told["rules"]] == ["no-policy"]


def bias_blocks(world: World) -> None:
    manifest = {"evaluations": [results(BASE, 0.52, 1)]}
    assert world.refuse("FORBIDDEN", "Ruth", "Register", manifest=manifest).field == "evaluations"
    world.register("Eva", **manifest)
    world.register("Ruth", models=[version(2, BASE, safetyProfile=profile("Rank consumer loans."))])
    world.ids["biased"] = world.register("Eva", evaluations=[results(CHILD, 0.75, 2)])["EVALUATION"]
    outcome, rules, told = world.rules(CHILD)
    assert outcome == "BLOCKED"
    assert [name for name in rules if rules[name] == "PASSED"] == ["every-group-measured", "probes-run", "nothing-open"]
    assert told["stereotype-rate"] == "The stereotype rate may be at most 0.10 from 0.5."
    assert told["no-erosion"].startswith("Erosion is ERODED (STEP_REGRESSION of pct_stereotype")
    assert told["documentation-current"].startswith("1 evaluation came after the safety profile: read it again")
    assert told["quorum"] == "0 of 2 people said GO on what is known now."
    refused = world.refuse("GATE_BLOCKED", "Ruth", "Promote", of=CHILD, environment="production")
    assert refused.told["outcome"] == "BLOCKED"
    world.ids["blocked"] = refused.told["decision"]
    # What was wrong is retracted, and not outvoted by asking again.
    world.ids["better"] = world.register("Eva", evaluations=[results(CHILD, 0.54, 3)])["EVALUATION"]
    assert world.rules(CHILD)[1]["stereotype-rate"] == "BLOCKED"
    wrong = {"subjects": [world.ids["biased"]], "reason": "Run on the wrong prompts."}
    world.ids["taken back"] = world.ask("Eva", "Retract", input=wrong)["id"]
    assert {name for name, outcome in world.rules(CHILD)[1].items() if outcome != "PASSED"} == {
        "documentation-current",
        "quorum",
    }


def a_weakness_is_inherited(world: World) -> None:
    probe = {"suite": ATTACKS, "metric": "attack_success_rate", "threshold": 0.1}
    weakness = {"subject": BASE, "title": "Jailbreak", "severity": "HIGH", "probe": probe}
    world.register("Eva", vulnerabilities=[weakness])
    [found] = world.ask("Rob", "Probes", of=CHILD)
    assert (found["status"], found["vulnerability"]["on"]["ref"], found["evidence"]) == ("NOT_RUN", BASE, [])
    assert world.rules(CHILD)[2]["probes-run"] == "1 probe not run, 0 reproduced, 0 resisted."

    def attack(subject: str, rate: float) -> str:
        metrics = [{"name": "attack_success_rate", "value": rate, "n": 200}]
        made = world.register("Eva", evaluations=[{"subject": subject, "suite": ATTACKS, "metrics": metrics}])
        return made["EVALUATION"]

    attack(BASE, 0.0)
    assert world.ask("Rob", "Probes", of=CHILD)[0]["status"] == "NOT_RUN"  # an ancestor's result clears nothing
    attacked = attack(CHILD, 0.02)
    [found] = world.ask("Rob", "Probes", of=CHILD)
    assert (found["status"], found["evidence"]) == ("RESISTED", [{"id": attacked}])
    [drift] = world.ask("Rob", "DocumentationDrift", filter={"derivedFrom": BASE})["edges"]
    assert [(drift["node"]["ref"], one["kind"]) for one in drift["findings"]] == [(CHILD, "STALE_PROFILE")]
    told = {"subject": CHILD, "profile": profile("Rank consumer loans."), "reason": "Read again."}
    world.ids["profile"] = world.register("Ruth", safetyProfiles=[told])["SAFETY_PROFILE"]
    assert world.rules(CHILD) == (
        "BLOCKED",
        dict.fromkeys(RULES, "PASSED") | {"quorum": "BLOCKED"},
        {"quorum": "0 of 2 people said GO on what is known now."},
    )


def the_server_is_killed(world: World) -> None:
    before = world.sequence(), world.rules(CHILD), world.ask("Rob", "Entity", ref=CHILD)
    world.server.stop(signal.SIGKILL)
    world.server.start()
    assert (world.sequence(), world.rules(CHILD), world.ask("Rob", "Entity", ref=CHILD)) == before


def two_people_decide(world: World) -> None:
    for person in ("Ruth", "Eva", "Ada"):
        assert "reviewer" in str(world.refuse("FORBIDDEN", person, "Review", input=go()))
    assert "registered" in str(world.refuse("FORBIDDEN", "Ruth as reviewer", "Review", input=go()))
    assert "evaluated" in str(world.refuse("FORBIDDEN", "Eva as reviewer", "Review", input=go()))
    assert world.refuse("NOT_FOUND", "Rob", "Review", input=go("model:credit@9")).field == "subject"

    done = world.ask("Rob", "Review", input=go(conditions=["Only with an underwriter."]))
    assert (done["reviewers"], done["quorum"]) == (["Rob"], {"needed": 2, "reached": 1})
    ends = datetime.fromisoformat(done["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=89) < ends < timedelta(days=91)
    again = world.ask("Rob once more", "Review", input=go())
    assert again["id"] != done["id"]
    assert (again["reviewers"], again["quorum"]) == (["Rob"], {"needed": 2, "reached": 1})
    assert world.rules(CHILD)[2] == {"quorum": "1 of 2 people said GO on what is known now (Rob)."}
    veto = world.ask("Rita", "Review", input=go(decision="NO_GO", reason="Not for tenants."))
    assert veto["expiresAt"] is None
    outcome, _, told = world.rules(CHILD)
    assert outcome == "BLOCKED"
    assert told["no-go"].startswith(
        "Rita said NO_GO for production: Not for tenants. 1 of 2 people said GO. Rita lifts "
    )
    assert world.verdict(CHILD)[0] == "REJECTED"
    done = world.ask("Rita", "Review", input=go())
    assert (done["reviewers"], done["quorum"]) == (["Rita", "Rob"], {"needed": 2, "reached": 2})
    assert world.rules(CHILD)[0] == "PASSED"
    status, reasons = world.verdict(CHILD)
    assert (status, reasons["APPROVED"]) == ("APPROVED", "Approved for production by Rita and Rob.")


def it_is_promoted_and_deployed(world: World) -> None:
    deployment = {"subject": CHILD, **PLACE}
    early = world.refuse("GATE_BLOCKED", "Ruth", "Deploy", input=deployment)
    assert "not promoted to production" in str(early)
    for person in ("Eva", "Rob", "Ada"):
        world.refuse("FORBIDDEN", person, "Promote", of=CHILD, environment="production")
        world.refuse("FORBIDDEN", person, "Deploy", input=deployment)
    done = world.ask("Ruth", "Promote", of=CHILD, environment="production")
    assert (done["outcome"], {rule["outcome"] for rule in done["rules"]}) == ("PASSED", {"PASSED"})
    world.ids["promotion"] = done["id"]

    world.moment("before")
    wrong = world.refuse("INVALID_INPUT", "Ruth", "Deploy", input=deployment | {"artifactDigest": digest(1)})
    assert wrong.field == "artifactDigest"
    done = world.ask("Ruth", "Deploy", input=deployment | {"artifactDigest": digest(2)})
    assert (done["version"], done["endpoint"]) == ({"ref": CHILD}, "/score")
    world.ids["deployment"] = done["id"]
    assert world.ask("Ruth", "Deploy", input=deployment)["id"] == done["id"]
    world.moment("deployed")
    assert world.serving(world.moments["before"]) == []
    [one] = world.serving()
    assert one["since"] == done["since"]
    assert one["version"]["ref"] == CHILD
    assert one["version"]["artifacts"] == [{"digest": digest(2)}]
    assert one["version"]["config"] == {"parameters": {"depth": 2}}
    assert (one["meetsPolicy"], one["profileCurrent"]) == (True, True)
    assert world.ask("Rob", "Impact", of=["dataset:loans@1#train"], kinds=["DEPLOYMENT"])["counts"] == [
        {"kind": "DEPLOYMENT", "count": 1}
    ]
