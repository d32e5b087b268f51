"""Hypothesis strategies for manifests, in wire names: small worlds in which names meet, repeat and contradict."""

from typing import Any

from hypothesis import strategies as st

Manifest = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "é/x"])
VERSIONS = st.sampled_from(["1", "2", "v9"])
MODELS = st.builds("model:{}@{}".format, NAMES, VERSIONS) | st.just("model:a")
DATASETS = st.builds("dataset:{}@{}".format, NAMES, VERSIONS)
PARTITIONS = st.builds("{}#p{}".format, DATASETS, st.integers(0, 1))
DIGESTS = st.integers(1, 3).map("sha256:{:064x}".format)
TEXTS = st.sampled_from(["Größe.", "Second thoughts", "a"])
AMOUNTS = st.sampled_from([0.0, 0.25, 1.0])


def some(of: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[list[Any]]:
    """Lists without repeats, which sets of a manifest must not have."""
    return st.lists(of, max_size=most, unique_by=str)


def parts(**fields: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Fields by their names, those that Python reserves with an underscore behind them."""
    return {name.rstrip("_"): strategy for name, strategy in fields.items()}


DERIVED = st.fixed_dictionaries({"ref": DATASETS | PARTITIONS, "relation": st.sampled_from(["FILTER", "SAMPLE"])})
PARENTS = st.fixed_dictionaries({"ref": MODELS, "relation": st.sampled_from(["FINE_TUNE", "MERGE"])})
LEARNED = st.fixed_dictionaries({"ref": DATASETS | PARTITIONS, "role": st.sampled_from(["TRAIN", "RETRIEVAL"])})
SHARE = st.fixed_dictionaries(
    {"attribute": st.just("age"), "value": st.sampled_from(["65+", "18-64"])}, optional={"share": AMOUNTS}
)
SHARES = st.lists(SHARE, max_size=2, unique_by=lambda share: share["value"])


def _holds_somebody(given: Manifest) -> bool:
    """Whether a population is not refused for being a complete list of nothing but shares of 0."""
    shares = given["population"]
    complete = given["populationDocumented"] == "COMPLETE"
    return not (complete and shares and all(share.get("share") == 0 for share in shares))


PROFILES = st.fixed_dictionaries(
    {"intendedUse": TEXTS, "mustNotDo": st.lists(TEXTS, max_size=1)},
    optional={
        "claims": st.just([{"text": "Right.", "metric": "accuracy", "atLeast": 0.5}]),
        "knownBiases": st.just([{"attribute": "age", "description": "Low."}]),
    },
)
RESULT = st.fixed_dictionaries({"name": st.sampled_from(["accuracy", "own", "nowhere"]), "value": AMOUNTS})
SUITE = st.just({"name": "s", "version": "1"})

PARTITION = st.fixed_dictionaries({"digest": DIGESTS}, optional=parts(population=SHARES, derivedFrom=some(DERIVED, 1)))
SECTIONS = {
    "metrics": st.fixed_dictionaries(
        {"name": st.just("own"), "category": st.just("BIAS"), "direction": st.just("LOWER_IS_BETTER")},
        optional={"tolerance": AMOUNTS},
    ),
    "datasets": st.fixed_dictionaries(
        {"name": NAMES, "version": VERSIONS},
        optional=parts(
            partitions=st.lists(PARTITION, max_size=2).map(
                lambda given: [{"name": f"p{i}", **partition} for i, partition in enumerate(given)]
            ),
            derivedFrom=some(DERIVED, 1),
            generatedBy=some(MODELS, 1),
            description=TEXTS,
        ),
    ),
    "models": st.fixed_dictionaries(
        {"name": NAMES},
        optional=parts(
            version=VERSIONS,
            parents=some(PARENTS),
            trainedOn=some(LEARNED),
            config=st.fixed_dictionaries({"lr": AMOUNTS}),
            code=st.just({"repository": "r", "commit": "1"}),
            artifacts=some(st.fixed_dictionaries({"uri": TEXTS, "digest": DIGESTS}), 1),
            safetyProfile=PROFILES,
        ),
    ),
    "evaluations": st.fixed_dictionaries(
        parts(
            subject=MODELS,
            suite=SUITE,
            metrics=st.lists(RESULT, min_size=1, max_size=2, unique_by=lambda result: str(result["name"])),
        ),
        optional={"data": DATASETS | PARTITIONS},
    ),
    "safetyProfiles": st.fixed_dictionaries({"subject": MODELS, "profile": PROFILES}, optional={"reason": TEXTS}),
    "populations": st.fixed_dictionaries(
        {"subject": PARTITIONS, "populationDocumented": st.sampled_from(["COMPLETE", "PARTIAL"]), "population": SHARES}
        | {"reason": TEXTS}
    ).filter(_holds_somebody),
    "vulnerabilities": st.fixed_dictionaries(
        {"subject": MODELS | DATASETS, "title": TEXTS, "severity": st.just("LOW")}
    ),
    "notes": st.fixed_dictionaries({"subject": MODELS | PARTITIONS, "author": NAMES, "text": TEXTS}),
}

_ENTITIES = ("datasets", "models")
# Mostly one thing at a time, entities above all: or else something is always wrong and nothing is ever accepted.
ONE = st.one_of(
    [
        st.fixed_dictionaries({name: st.lists(SECTIONS[name], min_size=1, max_size=1)})
        for name in (*_ENTITIES, *_ENTITIES, *SECTIONS)
    ]
)
SOME = st.fixed_dictionaries({}, optional={name: st.lists(thing, max_size=2) for name, thing in SECTIONS.items()})
MANIFESTS: st.SearchStrategy[Manifest] = st.one_of(ONE, ONE, ONE, SOME)
HISTORIES: st.SearchStrategy[list[Manifest]] = st.lists(MANIFESTS, min_size=1, max_size=12)
