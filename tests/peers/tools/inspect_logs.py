"""Makes logs with Inspect and its mock model, and says what Inspect computed; runs in Inspect's environment."""

import json
import sys
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import accuracy, match, stderr

SAMPLES = 12


def log(
    folder: Path, right: set[int], *, cluster: bool = False, format: str = "eval", epochs: int = 1
) -> dict[str, Any]:
    """Evaluate a model that is right on these samples, and return what Inspect says of it."""
    samples = [Sample(input=f"{i}?", target="Yes", id=f"q{i}", metadata={"passage": i // 3}) for i in range(SAMPLES)]
    metrics = [accuracy(), stderr(cluster="passage") if cluster else stderr()]
    task = Task(name="mock_yes", version=2, dataset=samples, scorer=match(), metrics=metrics)
    outputs = []
    for i in range(SAMPLES * epochs):
        output = ModelOutput.from_content(f"mockllm/{folder.name}", "Yes" if i % SAMPLES in right else "No")
        # without it, Inspect counts tokens with tables that it would have to download
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        outputs.append(output)
    model = get_model(f"mockllm/{folder.name}", custom_outputs=outputs)
    [done] = evaluate(
        task, model=model, log_dir=str(folder), log_format=format, display="none", max_samples=1, epochs=epochs
    )
    assert done.status == "success", done.error
    return {name: metric.value for name, metric in done.results.scores[0].metrics.items()}


def main(root: Path) -> None:
    some = {0, 1, 2, 3, 9}
    said = {
        "before": log(root / "before", set(range(9))),
        "after": log(root / "after", some),
        "clustered": log(root / "clustered", some, cluster=True),
        "json": log(root / "json", some, format="json"),
        "epochs": log(root / "epochs", set(range(6)), epochs=2),
    }
    print(json.dumps(said))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
