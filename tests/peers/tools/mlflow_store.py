"""Logs a model with MLflow, and says what MLflow then knows; runs in MLflow's environment."""

import json
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas
from mlflow.pyfunc import PythonModel


class Same(PythonModel):  # type: ignore[misc]
    """Predicts what it is given."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return model_input


def main(folder: Path) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.create_experiment("credit", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("credit")
    data = mlflow.data.from_pandas(
        pandas.DataFrame({"a": [1, 2, 3]}), source="https://example.org/loans.csv", name="loans"
    )
    with mlflow.start_run() as run:
        mlflow.log_params({"learning_rate": "0.1", "depth": 6})
        mlflow.log_input(data, context="training")
        info = mlflow.pyfunc.log_model(name="model", python_model=Same(), registered_model_name="credit-risk")
        mlflow.log_metric("accuracy", 0.91, model_id=info.model_id, dataset=data)
        mlflow.log_metric("rmse", 0.5, step=0)
        mlflow.log_metric("rmse", 0.4, step=1)
    known = mlflow.MlflowClient().get_run(run.info.run_id)
    said = {
        "run": run.info.run_id,
        "model": info.model_id,
        "params": known.data.params,
        # of the model, which MLflow tells apart from what the run measured at later steps
        "metrics": {one.key: one.value for one in mlflow.get_logged_model(info.model_id).metrics},
        "data": [f"{one.dataset.name}@{one.dataset.digest}" for one in known.inputs.dataset_inputs],
    }
    print(json.dumps(said))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
