"""`descent trained-on`: which versions learned from a population."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from descent import console
from descent.formatting import noun
from descent.names import normal
from descent.options import All, AsOf, First, Output, Session, Url, limit_of

Term = tuple[str, list[str]]
Vocabulary = Mapping[str, Mapping[str, int]]
"""How many partitions document a value, by attribute and value."""

_TERM = re.compile(r"\s*\w[\w .:/-]*=")
"""How a text starts that is a term of its own: the name of an attribute, and an equals sign without a backslash."""


class ExposureVerdict(StrEnum):
    """The three answers about a version; every version gets one of them."""

    TRAINED = "trained"
    NOT_TRAINED = "not_trained"
    UNKNOWN = "unknown"


def _verdict(text: str) -> ExposureVerdict:
    """Return the verdict that a text names; `not-trained` and `not_trained` are the same."""
    try:
        return ExposureVerdict(text.lower().replace("-", "_"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not one of trained, not-trained, unknown.") from None


def trained_on(
    context: typer.Context,
    population: Annotated[
        list[str],
        typer.Argument(
            metavar="ATTRIBUTE=VALUE,…",
            help="A partition must have every attribute with any of its values; \\, and \\= are these in a value.",
        ),
    ],
    verdict: Annotated[
        list[ExposureVerdict] | None,
        typer.Option(
            "--verdict",
            case_sensitive=False,
            parser=_verdict,
            metavar="trained|not-trained|unknown",
            help="Versions with these verdicts. [default: trained, unknown]",
        ),
    ] = None,
    first: First = 100,
    everything: All = False,
    as_of: AsOf = None,
    url: Url = None,
    output: Output = None,
) -> None:
    """Show which versions learned from a population, with the evidence for it."""
    session = Session.of(context, url, output)
    terms = [_term(text) for text in population]
    with session.client() as client:
        verdicts = [v.name for v in verdict] if verdict else None
        found = client.trained_on(terms, verdicts=verdicts, limit=limit_of(first, everything), as_of=as_of)
        edges = list(found.versions)
        vocabulary = client.population_vocabulary()
    _warn_of_misspelling(vocabulary, terms)
    _warn_of_near(found.near)
    if session.json:
        counts = [{"verdict": name, "count": count} for name, count in found.counts.items()]
        answer = {"counts": counts, "near": found.near, "totalCount": found.versions.total, "versions": edges}
        console.print_json(answer)
    else:
        console.print_table(("versions", "verdict"), [(count, name) for name, count in found.counts.items()])
        console.print_line()
        headings = ("version", "verdict", "exposure", "evidence", "joint", "derivation")
        console.print_table(headings, [_row(edge) for edge in edges])
        console.say_if_nothing(found.versions.total)
    console.say_rest(len(edges), found.versions.total)


def _term(text: str) -> Term:
    attribute, equals, values = text.partition("=")
    written = re.findall(r"(?:[^,\\]|\\.)+", values)
    parts = [re.sub(r"\\(.)", r"\1", part) for part in written]
    if not attribute or not equals or not parts:
        raise typer.BadParameter(
            f"{text} is not a term: write ATTRIBUTE=VALUE, for example age_group=65+.", param_hint="population"
        )
    for part in written[1:]:
        if _TERM.match(part):
            raise typer.BadParameter(
                f"{part.strip()} is an attribute within the values of {attribute}: write each attribute as an argument "
                f"of its own: {_apart(attribute, written)}; or \\= if it is a value with an equals sign.",
                param_hint="population",
            )
    return attribute, parts


def _apart(attribute: str, written: Sequence[str]) -> str:
    """Return the command with an argument for each attribute that was written in one."""
    terms = [f"{attribute}={written[0].strip()}"]
    for part in written[1:]:
        if _TERM.match(part):
            terms.append(part.strip())
        else:
            terms[-1] += f",{part}"
    return " ".join(["trained-on", *(shlex.quote(term) if " " in term else term for term in terms)])


def _row(edge: dict[str, Any]) -> tuple[str | None, ...]:
    evidence = edge["evidence"] or {}
    partition = evidence.get("partition") or {}
    via = console.derivation(evidence.get("via") or ())
    return edge["node"]["ref"], edge["verdict"], edge["exposure"], partition.get("ref"), evidence.get("joint"), via


def _warn_of_misspelling(given: Vocabulary, terms: Sequence[Term]) -> None:
    """Warn about each term that no partition documents: a misspelt value must not look like an unknown population."""
    vocabulary = {normal(name): {normal(value) for value in values} for name, values in given.items()}
    for attribute, values in terms:
        known = vocabulary.get(normal(attribute))
        if known is None:
            documented = f"documented are {_some(vocabulary)}" if vocabulary else "no population is documented at all"
            console.warn(f"No partition documents {attribute}; {documented}.")
            continue
        for value in values:
            if normal(value) not in known:
                console.warn(f"No partition documents {attribute}={value}; documented are {_some(known)}.")


def _warn_of_near(near: Sequence[Mapping[str, Any]]) -> None:
    """Warn about values that are nearly those asked for, which make a version's answer UNKNOWN."""
    for one in near:
        partitions = f"{one['partitions']} {noun(one['partitions'], 'partition', 'partitions')}"
        console.warn(
            f"{one['attribute']}={one['value']} is documented ({partitions}), which is nearly what was asked for: ask "
            "for it as well, or correct what documents it."
        )


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:20])
