"""What becomes of an event of OpenLineage that is received: kept until its run completes, then registered.

The records are those that `descent import openlineage` makes of the same events. Whoever sends an event is asked of
the registry by the token that came with it, and what is registered is registered in that person's name.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from descent.client import Client
from descent.errors import Forbidden, InvalidInput, NotImported, Problem, refusal
from descent.importers.at import At
from descent.importers.draft import Context, Draft
from descent.importers.openlineage import draft_of, written_version
from descent.importers.openlineage_events import Events, check_event, reduced
from descent.importers.registration import Registration
from descent.receivers.journal import AnotherPerson, Journal, TooManyEvents

SOURCE: Final = "event"
_SECTIONS: Final = ("models", "datasets")

Json = dict[str, Any]


class Receiver:
    """Takes events, one after another; several threads may use it."""

    def __init__(self, journal: Journal, context: Context) -> None:
        self._journal = journal
        self._context = context

    def person(self, client: Client) -> str:
        """Return who sends. Raises Unauthenticated, and Forbidden for a person that may not register lineage."""
        me = client.me()
        if missing := [section for section in _SECTIONS if section not in me["registers"]]:
            message = (
                f"{me['person']} may not register {' and '.join(missing)}: send the events with the token of a "
                "registrar."
            )
            raise Forbidden([Problem(message, Forbidden.answers_to)])
        return str(me["person"])

    def receive(self, event: Any, client: Client, person: str) -> Json:
        """Return what became of an event: its `state`, and with it what was registered and what was not placed.

        `state` is KEPT until the run completes, then REGISTERED; NOTHING if there is nothing in it to register. Raises
        InvalidInput for what is not an event, Forbidden for the run of another person, and what the registry raises.
        """
        at = At(event, (), SOURCE)
        try:
            check_event(at)
            if not at.at("job"):
                return self._registered(_events([at]), client, {"dataset": self._named(at)})
            kept = reduced(at)
            alone = _events([At(kept, (), SOURCE)])
            [run] = alone.runs.values()
            if run.id is None:
                return self._registered(alone, client, {"job": run.job})
            run.states.add("COMPLETE")
            draft_of(alone, SOURCE, self._fresh())  # what could never be registered is not kept
            return self._of_run(run.id, kept, client, person)
        except NotImported as error:
            raise InvalidInput([dataclasses.replace(p, code="INVALID_INPUT") for p in error.problems]) from error
        except TooManyEvents as error:
            raise InvalidInput([Problem(error.message, "INVALID_INPUT", "run.runId")]) from error
        except AnotherPerson as error:
            raise Forbidden([Problem(error.message, "FORBIDDEN", "run.runId")]) from error

    def _of_run(self, id: str, event: Json, client: Client, person: str) -> Json:
        kept = self._journal.add(id, person, event)
        events = _events([At(one, (), SOURCE) for one in kept.events])
        [run] = events.runs.values()
        about = {"run": id}
        if len(kept.events) == kept.registered:
            return about | {"state": "REGISTERED", "created": 0, "existing": 0, "records": [], "notPlaced": []}
        if why := run.why_unwritten():
            return about | {"state": "KEPT", "reason": f"{why[0].upper()}{why[1:]}."}
        answer = self._registered(events, client, about)
        outputs = [(key, written_version(run, dataset)) for key, dataset in run.outputs.items()]
        self._journal.registered(id, len(kept.events), run.last, outputs)
        return answer

    def _registered(self, events: Events, client: Client, about: Mapping[str, str]) -> Json:
        run = next(iter(events.runs.values()), None)
        name = (run.id if run else None) or ""
        draft = draft_of(events, SOURCE, self._fresh(), lambda key, moment: self._journal.version_at(key, moment, name))
        if not any(draft.manifest.values()):
            return dict(about) | {"state": "NOTHING", "notPlaced": _not_placed(draft)}
        outcome = Registration(client).register(draft)
        if outcome.problems:
            raise refusal([dataclasses.replace(p, code=p.code or "INVALID_INPUT") for p in outcome.problems])
        answer = outcome.answer or {}
        return dict(about) | {
            "state": "REGISTERED",
            "created": answer.get("created", 0),
            "existing": answer.get("existing", 0),
            "records": [record["ref"] for record in answer.get("records", ())],
            "notPlaced": _not_placed(draft),
        }

    def _fresh(self) -> Context:
        return dataclasses.replace(self._context)

    @staticmethod
    def _named(at: At) -> str:
        return "/".join(str(at.at("dataset", part).value) for part in ("namespace", "name"))


def _events(events: list[At]) -> Events:
    found = Events()
    for event in events:
        found.add(event)
    return found


def _not_placed(draft: Draft) -> list[Json]:
    return [{"place": place, "reason": why} for place, why in draft.unplaced]
