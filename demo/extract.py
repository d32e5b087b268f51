"""Make `pythia.tsv`, the demo's figures, from the measurements that the Pythia authors published.

    python demo/extract.py [evaluations.tsv.gz] > app/descentd/app/demo/pythia.tsv

The input has one measurement a line: model, variant, step, fewshot, task, metric, value, stderr. The output has one
checkpoint a line and a pair of columns (value, standard error) for each of `MEASURES`, an empty pair where the
checkpoint was not measured. Figures are carried over as text: nothing is parsed, rounded or recomputed.
"""

import csv
import gzip
import io
import sys
from pathlib import Path
from typing import Final

MEASURES: Final = (
    *(
        f"crows_pairs_english{suffix}.pct_stereotype"
        for suffix in (
            "",
            "_age",
            "_autre",
            "_disability",
            "_gender",
            "_nationality",
            "_physical_appearance",
            "_race_color",
            "_religion",
            "_sexual_orientation",
            "_socioeconomic",
        )
    ),
    "lambada_openai.acc",
    "arc_easy.acc",
    "piqa.acc",
    "sciq.acc",
    "winogrande.acc",
)

HEADER: Final = """\
# Zero-shot results of the Pythia language models over training.
# Source: EleutherAI/pythia @ a19eecb, evals/, Apache-2.0; extracted by demo/extract.py.
# One checkpoint a line; TASK.METRIC is a rate, TASK.METRIC.stderr its standard error; empty: not measured.
"""

SOURCE: Final = Path(__file__).resolve().parents[2] / "shared/data/pythia/evaluations.tsv.gz"


def extract(source: Path) -> str:
    """Return the text of `pythia.tsv`; a measurement that occurs twice, or with examples shown, is a `ValueError`."""
    checkpoints: dict[tuple[str, str, int], dict[str, tuple[str, str]]] = {}
    with gzip.open(source, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            measure = f"{row['task']}.{row['metric']}"
            if measure not in MEASURES:
                continue
            results = checkpoints.setdefault((row["model"], row["variant"], int(row["step"])), {})
            if measure in results or row["fewshot"] != "0":
                raise ValueError(f"{measure} of {row['model']} at step {row['step']} is not one zero-shot result")
            results[measure] = row["value"], row["stderr"]

    text = io.StringIO()
    text.write(HEADER)
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(["model", "variant", "step", *(name for m in MEASURES for name in (m, f"{m}.stderr"))])
    for key, results in sorted(checkpoints.items()):
        table.writerow([*key, *(cell for m in MEASURES for cell in results.get(m, ("", "")))])
    return text.getvalue()


if __name__ == "__main__":
    sys.stdout.write(extract(Path(sys.argv[1]) if sys.argv[1:] else SOURCE))
