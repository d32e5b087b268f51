"""A live tracking server of MLflow, asked over its REST interface; nothing is changed there."""

import json
from collections.abc import Iterator
from typing import Any, Final

from descent.importers.at import At
from descent.importers.mlflow_records import Records, aliases_of, model_of, run_of, version_of
from descent.importers.reading import MAX_BYTES, json_value, refused

_PAGE: Final = 200
_MAX_PAGES: Final = 10_000
_TIMEOUT: Final = 60.0


def read_server(address: str) -> Records:
    """Return what a server holds; raises NotImported if none answers, or if it is none of MLflow's.

    A user and a password in the address are sent as such (basic authentication), and never shown.
    """
    import httpx2

    with httpx2.Client(timeout=_TIMEOUT, follow_redirects=False) as http:
        return _Server(http, address).records()


class _Server:
    def __init__(self, http: Any, address: str) -> None:
        self.http = http
        self.address = address.rstrip("/")
        scheme, slashes, rest = self.address.partition("//")
        self.source = f"{scheme}{slashes}{rest.rpartition('@')[2]}"

    def records(self) -> Records:
        records = Records(live=True)
        for at in self._pages("POST", "experiments/search", {"max_results": _PAGE}, "experiments"):
            if (id := at.at("experiment_id").label()) and (name := at.at("name").label()):
                records.experiments[id] = name
        for id in records.experiments:
            asked = {"experiment_ids": [id], "max_results": _PAGE}
            for at in self._pages("POST", "runs/search", asked, "runs"):
                run = run_of(at)
                records.runs[run.id] = run
            asked = {"experiment_ids": [id], "max_results": 50}
            for at in self._pages("POST", "logged-models/search", asked, "models", optional=True):
                model = model_of(at)
                records.models[model.id] = model
        for at in self._pages("GET", "model-versions/search", {"max_results": _PAGE}, "model_versions"):
            records.versions.append(version_of(at))
        self._aliases(records)
        return records

    def _aliases(self, records: Records) -> None:
        """Add the aliases, which a search for versions leaves out; an older MLflow has none."""
        versions = {(one.name, one.version): one for one in records.versions}
        asked = {"max_results": _PAGE}
        for at in self._pages("GET", "registered-models/search", asked, "registered_models", optional=True):
            for name, version in aliases_of(at):
                found = versions.get((str(at.at("name").label()), version))
                if found is not None and name not in found.aliases:
                    found.aliases.append(name)

    def _pages(
        self, method: str, path: str, asked: dict[str, Any], field: str, *, optional: bool = False
    ) -> Iterator[At]:
        """Yield the elements of every page; an `optional` question is one that an older MLflow does not know."""
        token: str | None = None
        for _ in range(_MAX_PAGES):
            answer = self._ask(method, path, {**asked, **({"page_token": token} if token else {})}, optional=optional)
            if answer is None:
                return
            yield from answer.at(field).items()
            token = answer.at("next_page_token").text()
            if token is None:
                return
        raise refused(self.source, f"{path} has more than {_MAX_PAGES:,} pages: export a part of it.")

    def _ask(self, method: str, path: str, asked: dict[str, Any], *, optional: bool) -> At | None:
        import httpx2

        given: dict[str, Any] = {"params": asked} if method == "GET" else {"content": json.dumps(asked).encode()}
        headers = {"Content-Type": "application/json"} if method == "POST" else {}
        try:
            with self.http.stream(method, f"{self.address}/api/2.0/mlflow/{path}", headers=headers, **given) as answer:
                data = b""
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > MAX_BYTES:
                        raise refused(self.source, f"The answer has more than {MAX_BYTES:,} bytes.", path)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise refused(
                self.source, f"No tracking server of MLflow answers there: {str(error) or type(error).__name__}."
            ) from error
        if optional and answer.status_code in (404, 405, 501):
            return None
        if answer.status_code in (401, 403):
            raise refused(
                self.source, f"The server refuses ({answer.status_code}): write http://USER:PASSWORD@HOST.", path
            )
        if answer.status_code != 200:
            raise refused(
                self.source, f"The server answers {answer.status_code}: this is not a tracking server of MLflow.", path
            )
        return json_value(data.decode("utf-8", "replace"), self.source, place=path)
