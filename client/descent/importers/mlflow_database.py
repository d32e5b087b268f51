"""A tracking store of MLflow in SQLite, which is only read: `sqlite:///mlflow.db`."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from descent.importers.at import At
from descent.importers.mlflow_records import Data, LoggedModel, Measured, Records, Run, Version
from descent.importers.reading import refused

MAX_ROWS: Final = 5_000_000


def read_database(address: str) -> Records:
    """Return what a database holds; raises NotImported if there is none, or if it is none of MLflow's."""
    path = Path(address.removeprefix("sqlite:///") if address.startswith("sqlite:") else address)
    if not path.is_file():
        raise refused(address, "There is no such file.")
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=10)
    except sqlite3.Error as error:
        raise refused(address, f"The database cannot be opened: {error}.") from error
    try:
        return _Database(connection, address).records()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise refused(address, f"The database cannot be read: {error}.") from error
    finally:
        connection.close()


class _Database:
    """Rows as dicts by the names of their columns; tables and columns that an older MLflow lacks are absent."""

    def __init__(self, connection: sqlite3.Connection, source: str) -> None:
        self.connection = connection
        self.connection.row_factory = sqlite3.Row
        self.source = source
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchmany(10_000)
        self.tables = {row["name"] for row in tables}
        if not {"runs", "experiments", "params", "tags"} <= self.tables:
            raise refused(source, "This is not a database of MLflow: it has no table of runs.")

    def rows(self, table: str, order: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a table, in an order; both are names of this module."""
        if table in self.tables:
            for number, row in enumerate(self.connection.execute(f'SELECT * FROM "{table}" ORDER BY {order}')):  # noqa: S608
                if number >= MAX_ROWS:
                    raise refused(self.source, f"There are more than {MAX_ROWS:,} rows: export a part of it.", table)
                yield dict(row)

    def at(self, value: Any, *path: str) -> At:
        return At(value, path, self.source)

    def records(self) -> Records:
        experiments = {str(row["experiment_id"]): row["name"] for row in self.rows("experiments", "experiment_id")}
        records = Records(experiments=experiments, live=True)
        self._runs(records)
        self._models(records)
        self._inputs(records)
        self._versions(records)
        return records

    def _runs(self, records: Records) -> None:
        for row in self.rows("runs", "run_uuid"):
            if row.get("lifecycle_stage", "active") == "active":
                id = row["run_uuid"]
                run = Run(id, self.at(id, "runs", id), str(row["experiment_id"]))
                run.ended = row["end_time"] or row["start_time"]
                records.runs[id] = run
        for row in self.rows("params", "run_uuid, key"):
            if row["run_uuid"] in records.runs:
                records.runs[row["run_uuid"]].params[row["key"]] = self.at(row["value"], "params", row["key"])
        for row in self.rows("tags", "run_uuid, key"):
            if row["run_uuid"] in records.runs:
                records.runs[row["run_uuid"]].tags[row["key"]] = row["value"] or ""
        for row in self.rows("latest_metrics", "run_uuid, key"):
            if row["run_uuid"] in records.runs:
                value = float("nan") if row["is_nan"] else row["value"]
                found = Measured(
                    row["key"], self.at(value, "metrics", row["key"]), row["timestamp"] or 0, row["step"] or 0
                )
                records.runs[row["run_uuid"]].metrics.append(found)

    def _models(self, records: Records) -> None:
        for row in self.rows("logged_models", "creation_timestamp_ms, model_id"):
            if row.get("lifecycle_stage", "active") == "active":
                id = row["model_id"]
                model = LoggedModel(id, self.at(id, "logged_models", id), row["name"], row["source_run_id"])
                model.experiment, model.created = str(row["experiment_id"]), row["creation_timestamp_ms"]
                records.models[id] = model
        for row in self.rows("logged_model_params", "model_id, param_key"):
            if row["model_id"] in records.models:
                at = self.at(row["param_value"], "params", row["param_key"])
                records.models[row["model_id"]].params[row["param_key"]] = at
        for row in self.rows("logged_model_tags", "model_id, tag_key"):
            if row["model_id"] in records.models:
                records.models[row["model_id"]].tags[row["tag_key"]] = row["tag_value"] or ""
        latest: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in self.rows("logged_model_metrics", "metric_step, metric_timestamp_ms"):
            latest[row["model_id"], row["metric_name"], row["dataset_name"], row["dataset_digest"]] = row
        for row in latest.values():
            if row["model_id"] in records.models:
                name, data = row["metric_name"], (row["dataset_name"], row["dataset_digest"])
                at = self.at(row["metric_value"], "metrics", name)
                found = Measured(name, at, row["metric_timestamp_ms"], row["metric_step"], data if all(data) else None)
                records.models[row["model_id"]].metrics.append(found)

    def _inputs(self, records: Records) -> None:
        contexts = {
            row["input_uuid"]: row["value"]
            for row in self.rows("input_tags", "input_uuid, name")
            if row["name"] == "mlflow.data.context"
        }
        datasets = {row["dataset_uuid"]: row for row in self.rows("datasets", "dataset_uuid")}
        for row in self.rows("inputs", "input_uuid"):
            kind, source, target = row["source_type"], row["source_id"], row["destination_id"]
            if kind == "DATASET" and target in records.runs and source in datasets:
                data = datasets[source]
                context = contexts.get(row["input_uuid"])
                records.runs[target].data.append(Data(data["name"], data["digest"], context))
            elif row["destination_type"] == "MODEL_INPUT" and source in records.runs:
                records.runs[source].inputs.append(target)
            elif row["destination_type"] == "MODEL_OUTPUT" and source in records.runs:
                records.runs[source].outputs.append(target)

    def _versions(self, records: Records) -> None:
        aliases: dict[tuple[str, str], list[str]] = {}
        for row in self.rows("registered_model_aliases", "name, alias"):
            aliases.setdefault((row["name"], str(row["version"])), []).append(row["alias"])
        tags: dict[tuple[str, str], dict[str, str]] = {}
        for row in self.rows("model_version_tags", "name, version, key"):
            tags.setdefault((row["name"], str(row["version"])), {})[row["key"]] = row["value"] or ""
        for row in self.rows("model_versions", "name, version"):
            name, version, source = row["name"], str(row["version"]), row["source"]
            model = source.removeprefix("models:/") if source and source.startswith("models:/m-") else None
            found = Version(
                self.at(version, "model_versions", name), name, version, row["run_id"] or None, model, source
            )
            found.created, found.description = row["creation_time"], row["description"] or None
            found.stage = None if row["current_stage"] in (None, "None", "") else row["current_stage"]
            found.aliases, found.tags = aliases.get((name, version), []), tags.get((name, version), {})
            found.updated = row.get("last_updated_time")
            records.versions.append(found)
