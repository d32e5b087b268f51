"""What a version learned from, worked out slowly: the backward closure of each version over the log itself."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Documented, Exposed, ExposureVerdict, PopulationFact, Step, Term
from tests.support.lineages import arrows_of, remembered, twins_of
from tests.support.strategies import Noted


@remembered
def in_force(log: Sequence[Noted], partition: int, upto: int) -> PopulationFact | None:
    """What is said about a partition at a sequence."""
    said = [noted.fact for noted in log[:upto] if noted.fact is not None and noted.fact.partition == partition]
    return said[-1] if said else None


def vocabulary(log: Sequence[Noted], upto: int) -> dict[str, dict[str, int]]:
    """How many partitions hold each value of each attribute, statement by statement; all in order."""
    held: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for partition in {noted.fact.partition for noted in log[:upto] if noted.fact is not None}:
        fact = in_force(log, partition, upto)
        for share in fact.shares if fact else ():
            held[share.attribute][share.value] += share.share != 0
    return {attribute: dict(sorted(values.items())) for attribute, values in sorted(held.items())}


def listed(vocabulary: Mapping[str, Mapping[str, int]]) -> list[tuple[str, list[tuple[str, int]]]]:
    """A vocabulary to be compared with its order."""
    return [(attribute, list(values.items())) for attribute, values in vocabulary.items()]


@remembered
def statements(log: Sequence[Noted], partition: int, upto: int) -> list[PopulationFact]:
    """What is said about it and its twins."""
    facts = (in_force(log, twin, upto) for twin in twins_of(log, partition, upto))
    return [fact for fact in facts if fact is not None]


@remembered
def is_complete(log: Sequence[Noted], partition: int, upto: int) -> bool:
    """Whether a statement about it or a twin is complete."""
    return any(fact.documented is Documented.COMPLETE for fact in statements(log, partition, upto))


def meets(fact: PopulationFact, term: Term) -> bool:
    """Whether a statement speaks of a term as present."""
    return any(
        share.attribute == term.attribute and share.value in term.values and (share.share is None or share.share > 0)
        for share in fact.shares
    )


def matches(log: Sequence[Noted], partition: int, population: Sequence[Term], upto: int) -> bool:
    """Whether a partition holds what was asked for, by what is said about it and its twins."""
    said = statements(log, partition, upto)
    return all(any(meets(fact, term) for fact in said) for term in population)


@remembered
def stated_of(log: Sequence[Noted], record: int, upto: int) -> list[tuple[Role, int, bool]]:
    """The edges that a record or a disclosure about it states, as (role, target, learns)."""
    return [(role, target, learns) for source, role, target, learns, _ in arrows_of(log, upto) if source == record]


@remembered
def came_from(log: Sequence[Noted], record: int, upto: int) -> list[tuple[int, Role]]:
    """Where the knowledge in a record came from in one step, twins left out."""
    noted = log[record - 1]
    found: list[tuple[int, Role]] = []
    for role, target, learns in stated_of(log, record, upto):
        if (
            (role is Role.DERIVED_FROM and noted.kind is Kind.MODEL_VERSION)
            or (role is Role.TRAINED_ON and learns)
            or role is Role.GENERATED_BY
            or role is Role.INCLUDES
            or (role is Role.DERIVED_FROM and noted.kind is Kind.PARTITION and not is_complete(log, record, upto))
            or (role is Role.DERIVED_FROM and noted.kind is Kind.DATASET and not has_partitions(log, record))
        ):
            found.append((target, role))
    return found


def has_partitions(log: Sequence[Noted], dataset: int) -> bool:
    """Whether a dataset lists any."""
    return any(role is Role.INCLUDES for role, _, _ in log[dataset - 1].edges)


def sources_of(log: Sequence[Noted], version: int, upto: int) -> dict[int, int]:
    """The backward closure of a version with distances, itself at 0; a twin is as far as its twin."""
    distances: dict[int, int] = {}
    level, distance = {version}, 0
    while level:
        level = {twin for record in level for twin in twins_of(log, record, upto)} - distances.keys()
        distances |= dict.fromkeys(level, distance)
        level = {target for record in level for target, _ in came_from(log, record, upto)} - distances.keys()
        distance += 1
    return distances


def speaks_of(fact: PopulationFact, term: Term) -> bool:
    """Whether a complete statement says of each value of a term whether it is there."""
    listed = {share.value: share.share for share in fact.shares if share.attribute == term.attribute}
    counted = [amount for amount in listed.values() if amount is not None]
    open = len(counted) == len(listed) and sum(counted) < 0.995
    return bool(listed) and (not open or term.values <= listed.keys())


def alike(some: str, other: str) -> bool:
    """Whether two texts, of letters alone, differ by case and compatibility forms at most."""
    plain = [unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()) for text in (some, other)]
    return plain[0] == plain[1]


def nearly_meets(fact: PopulationFact, term: Term) -> bool:
    """Whether a statement lists as present what is alike to what was asked for."""
    return any(
        share.share != 0 and alike(share.attribute, term.attribute) and any(alike(share.value, v) for v in term.values)
        for share in fact.shares
    )


@remembered
def is_documented(log: Sequence[Noted], version: int, upto: int) -> bool:
    """Whether a version lists what it learned from, or came about without learning."""
    own: list[tuple[Role, bool]] = []
    complete: list[tuple[Role, bool]] = []
    partly: list[tuple[Role, bool]] = []
    for source, role, _, learns, by in arrows_of(log, upto):
        if source == version:
            disclosure = log[by - 1].disclosure if by else None
            kept = own if disclosure is None else complete if disclosure.complete else partly
            kept.append((role, learns))
    if (Role.TRAINED_ON, True) in own + complete:
        return True
    if log[version - 1].trained or (Role.TRAINED_ON, True) in partly:
        return False
    if (Role.DERIVED_FROM, True) in own + complete + partly:
        return False
    return (Role.DERIVED_FROM, False) in own + complete


def is_undocumented(log: Sequence[Noted], record: int, population: Sequence[Term], upto: int) -> bool:
    """Whether what can be learned from a record itself is not known as far as what was asked for goes."""
    noted = log[record - 1]
    if noted.kind is Kind.PARTITION:
        said = statements(log, record, upto)
        complete = [fact for fact in said if fact.documented is Documented.COMPLETE]
        nearly = all(any(nearly_meets(fact, term) for fact in said) for term in population)
        return nearly or not all(any(speaks_of(fact, term) for fact in complete) for term in population)
    if noted.kind is Kind.DATASET:
        learned = any(
            target == record and learns and role is Role.TRAINED_ON
            for _, role, target, learns, _ in arrows_of(log, upto)
        )
        return learned and not has_partitions(log, record)
    if noted.kind is Kind.MODEL_VERSION:
        return not is_documented(log, record, upto)
    return False


def is_direct(log: Sequence[Noted], version: int, population: Sequence[Term], upto: int) -> bool:
    """Whether a version was trained on a match itself."""
    stated = stated_of(log, version, upto)
    learned = {target for role, target, learns in stated if role is Role.TRAINED_ON and learns}
    for dataset in tuple(learned):
        learned |= {target for role, target, _ in log[dataset - 1].edges if role is Role.INCLUDES}
    return any(log[record - 1].kind is Kind.PARTITION and matches(log, record, population, upto) for record in learned)


def check_answers(log: Sequence[Noted], found: Mapping[int, Exposed], population: Sequence[Term], upto: int) -> None:
    """Assert that each version has the answer that its closure says, and a shortest way that proves it."""
    for version, answer in found.items():
        closure = sources_of(log, version, upto)
        partitions = {record for record in closure if log[record - 1].kind is Kind.PARTITION}
        matching = {record: closure[record] for record in partitions if matches(log, record, population, upto)}
        missing = {record: closure[record] for record in closure if is_undocumented(log, record, population, upto)}
        if matching:
            assert answer.verdict is ExposureVerdict.TRAINED
            assert answer.direct == is_direct(log, version, population, upto)
            assert answer.source is not None
            check_source(log, answer.source, population, upto)
            assert check_flow(log, answer.via, upto) == min(matching.values())
        elif missing:
            assert answer.verdict is ExposureVerdict.UNKNOWN
            assert answer.source in missing
            assert check_flow(log, answer.via, upto) == min(missing.values())
        else:
            assert answer == Exposed(version, ExposureVerdict.NOT_TRAINED, None, None, None, ())
        if answer.via:
            assert (answer.via[0].sequence, answer.via[-1].sequence) == (answer.source, version)


def check_source(log: Sequence[Noted], source: int, population: Sequence[Term], upto: int) -> None:
    """It matches, and of its twins none says more of what was asked."""
    assert matches(log, source, population, upto)

    def met(partition: int) -> int:
        fact = in_force(log, partition, upto)
        return 0 if fact is None else sum(meets(fact, term) for term in population)

    assert met(source) == max(map(met, twins_of(log, source, upto))) > 0


def check_flow(log: Sequence[Noted], via: Sequence[Step], upto: int) -> int:
    """Assert that knowledge flows along each step; returns the length, steps between twins not counted."""
    assert via[0].role is None
    length = 0
    for place in range(1, len(via)):
        before, step = via[place - 1], via[place]
        if step.role is Role.SAME_DATA:
            assert step.sequence in twins_of(log, before.sequence, upto) - {before.sequence}
        elif step.role is Role.ABOUT:
            assert step.back
        elif log[step.sequence - 1].disclosure is not None:
            arrow = via[place + 1].sequence, step.role, before.sequence, step.sequence
            assert arrow in {(source, role, target, by) for source, role, target, _, by in arrows_of(log, upto)}
            assert (before.sequence, step.role) in came_from(log, via[place + 1].sequence, upto)
            length += 1
        else:
            assert (before.sequence, step.role) in came_from(log, step.sequence, upto)
            length += 1
    return length
