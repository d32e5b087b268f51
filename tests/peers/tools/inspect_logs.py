"""Makes logs with Inspect and its mock model: `python inspect_logs.py FOLDER`; runs in Inspect's environment."""

import sys
from pathlib import Path

from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import accuracy, match, stderr

SAMPLES = 12


def log(folder: Path, right: set[int], *, cluster: bool = False, format: str = "eval", epochs: int = 1) -> None:
    samples = [Sample(input=f"{i}?", target="Yes", id=f"q{i}", metadata={"passage": i // 3}) for i in range(SAMPLES)]
    metrics = [accuracy(), stderr(cluster="passage") if cluster else stderr()]
    task = Task(name="mock_yes", version=2, dataset=samples, scorer=match(), metrics=metrics)
    outputs = []
    for i in range(SAMPLES * epochs):
        output = ModelOutput.from_content("mockllm/model", "Yes" if i % SAMPLES in right else "No")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        outputs.append(output)
    model = get_model("mockllm/model", custom_outputs=outputs)
    [done] = evaluate(
        task, model=model, log_dir=str(folder), log_format=format, display="none", max_samples=1, epochs=epochs
    )
    assert done.status == "success", done.error


if __name__ == "__main__":
    root = Path(sys.argv[1])
    log(root / "before", {0, 1, 2, 3, 4, 5, 6, 7, 8})
    log(root / "after", {0, 1, 2, 3, 9})
    log(root / "clustered", {0, 1, 2, 3, 9}, cluster=True)
    log(root / "json", {0, 1, 2, 3, 9}, format="json")
    log(root / "epochs", set(range(6)), epochs=2)
