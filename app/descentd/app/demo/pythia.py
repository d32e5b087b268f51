"""The Pythia lineage as manifests: the Pile, sixteen chains of checkpoints and the interventions that branch off.

`manifests()` yields plain dicts in the shape of GraphQL's `ManifestInput`; registered in that order, every reference
finds its record. Figures are those of `pythia.tsv`, the one safety profile is that of `model_card.py`; `README.md` says
what is real here and what is modelled.
"""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from descentd.app.demo import model_card

Json = dict[str, Any]

TABLE: Final = Path(__file__).with_name("pythia.tsv")

PILE: Final = "the-pile@2020-12"
DEDUPLICATED: Final = "the-pile-deduplicated@2022"
SWAPPED: Final = "the-pile-deduplicated-pronouns-swapped@2023"

# Gao et al. 2020, "The Pile", Table 1: weight of each component in per cent.
COMPONENTS: Final = {
    "Pile-CC": 18.11,
    "PubMed Central": 14.40,
    "Books3": 12.07,
    "OpenWebText2": 10.01,
    "ArXiv": 8.96,
    "GitHub": 7.59,
    "FreeLaw": 6.12,
    "StackExchange": 5.13,
    "USPTO Backgrounds": 3.65,
    "PubMed Abstracts": 3.07,
    "Gutenberg (PG-19)": 2.17,
    "OpenSubtitles": 1.55,
    "Wikipedia (en)": 1.53,
    "DM Mathematics": 1.24,
    "Ubuntu IRC": 0.88,
    "BookCorpus2": 0.75,
    "EuroParl": 0.73,
    "HackerNews": 0.62,
    "YouTubeSubtitles": 0.60,
    "PhilPapers": 0.38,
    "NIH ExPorter": 0.30,
    "Enron Emails": 0.14,
}

# Biderman et al. 2023, "Pythia", Table 1: layers, model dimension, attention heads.
SHAPES: Final = {
    "70m": (6, 512, 8),
    "160m": (12, 768, 12),
    "410m": (24, 1024, 16),
    "1b": (16, 2048, 8),
    "1.4b": (24, 2048, 16),
    "2.8b": (32, 2560, 32),
    "6.9b": (32, 4096, 32),
    "12b": (36, 5120, 40),
}
BATCH_SIZE: Final = 1024
SEQUENCE_LENGTH: Final = 2048
TRAIN_STEPS: Final = 143_000
BRANCH_INTERVAL: Final = 1000  # steps from one checkpoint of a branch to the next, and from the chain to the first

PLACEHOLDER: Final = (
    "The partitions' digests are placeholders, the SHA-256 of 'descent demo: DATASET COMPONENT': those of the files "
    "are not known."
)


class Checkpoint(NamedTuple):
    """One line of `pythia.tsv`: `results` maps a task to its metric's name, value and standard error."""

    step: int
    results: dict[str, tuple[str, float, float]]


class Run(NamedTuple):
    """The checkpoints of one training run, in order; `model` and `variant` are the source's words for it."""

    name: str
    model: str
    variant: str
    checkpoints: list[Checkpoint]

    @property
    def size(self) -> str:
        """The key in `SHAPES`."""
        return self.model.split("-")[1]


def manifests() -> Iterator[Json]:
    """Yield the data, then a manifest for each chain from 70m to 12b, then one for each branch."""
    yield {"datasets": datasets()}
    runs = read_runs()
    yield from (chain(run) for run in runs if run.variant == "zero-shot")
    yield from (branch(run) for run in runs if run.variant != "zero-shot")


def read_runs() -> list[Run]:
    """Read the runs in `pythia.tsv`, small models first."""
    runs: dict[tuple[str, str], Run] = {}
    with TABLE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"):
            model, variant, step = row.pop("model"), row.pop("variant"), int(row.pop("step"))
            results = {}
            for column, value in row.items():
                if value and not column.endswith(".stderr"):
                    task, metric = column.split(".")
                    results[task] = metric, float(value), float(row[f"{column}.stderr"])
            run = runs.setdefault((model, variant), Run(registered_name(model, variant), model, variant, []))
            run.checkpoints.append(Checkpoint(step, results))
    sizes = list(SHAPES)
    return sorted(runs.values(), key=lambda run: (sizes.index(run.size), run.model, run.variant))


def registered_name(model: str, variant: str) -> str:
    """Name a run as it was published; a control, not published apart from its chain, gets a name of ours."""
    match variant:
        case "zero-shot":
            return f"EleutherAI/{model}"
        case "baseline":
            return f"{model}-baseline"
        case _:
            return f"EleutherAI/pythia-{variant}-{model.removeprefix('pythia-')}"


def datasets() -> list[Json]:
    """Return the Pile, its deduplicated derivation and that one's copy with the pronouns swapped."""
    weights = ", ".join(f"{component} {weight:.2f} %" for component, weight in COMPONENTS.items())
    return [
        dataset(PILE, f"The Pile (Gao et al. 2020, arXiv:2101.00027). Weights of its components: {weights}."),
        dataset(
            DEDUPLICATED,
            "The Pile after near-duplicate documents were removed across all of its components (Biderman et al. 2023).",
            (PILE, "FILTER"),
        ),
        dataset(
            SWAPPED,
            "The deduplicated Pile with masculine pronouns replaced by feminine ones (Biderman et al. 2023).",
            (DEDUPLICATED, "AUGMENT"),
        ),
    ]


def dataset(label: str, description: str, origin: tuple[str, str] | None = None) -> Json:
    """Return a dataset with a partition for each component, derived from its origin's as a whole and one by one."""
    name, version = label.split("@")
    record: Json = {
        "name": name,
        "version": version,
        "description": f"{description} {PLACEHOLDER}",
        "partitions": [partition(name, component, origin) for component in COMPONENTS],
    }
    if origin:
        record["derivedFrom"] = [{"ref": f"dataset:{origin[0]}", "relation": origin[1]}]
    return record


def partition(dataset_name: str, component: str, origin: tuple[str, str] | None) -> Json:
    """Return a component as a partition; of its population one thing is known, and that completely: its source."""
    text = f"descent demo: {dataset_name} {component}"
    record: Json = {
        "name": component,
        "digest": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        "populationDocumented": "COMPLETE",
        "population": [{"attribute": "source", "value": component, "share": 1.0}],
    }
    if origin:
        record["derivedFrom"] = [{"ref": f"dataset:{origin[0]}#{component}", "relation": origin[1]}]
    return record


def chain(run: Run) -> Json:
    """Return a published chain; its step 0 is the initialisation, which saw no data and has no parent."""
    data, words = (DEDUPLICATED, "the deduplicated Pile") if run.model.endswith("-deduped") else (PILE, "the Pile")
    versions: list[Json] = []
    for checkpoint in run.checkpoints:
        record = version(run, checkpoint)
        if not versions:
            record["description"] = f"Pythia {run.size} as initialised, before its first batch of {words}."
        else:
            tokens = checkpoint.step * BATCH_SIZE * SEQUENCE_LENGTH
            record["description"] = f"Pythia {run.size} after {tokens:,} tokens of {words}."
            record |= learned(data, ref(run.name, run.checkpoints[len(versions) - 1].step))
        if (run.name, checkpoint.step) == model_card.SUBJECT:
            record["safetyProfile"] = model_card.PROFILE
        versions.append(record)
    return {"models": versions, "evaluations": evaluations(run)}


def branch(run: Run) -> Json:
    """Return an intervention or its control: it leaves the chain one interval before its first checkpoint."""
    chain_name = registered_name(run.model, "zero-shot")
    origin = run.checkpoints[0].step - BRANCH_INTERVAL
    parent = ref(chain_name, origin)
    versions: list[Json] = []
    for checkpoint in run.checkpoints:
        record = version(run, checkpoint)
        if run.variant == "baseline":
            record["description"] = f"{chain_name} at step {checkpoint.step}, the control of an intervention."
            record |= learned(DEDUPLICATED, parent)
        else:
            record["description"] = f"{chain_name} from step {origin} to {checkpoint.step} with pronouns swapped."
            record["interventions"] = [pronoun_swap(origin)]
            record |= learned(SWAPPED, parent)
        versions.append(record)
        parent = ref(run.name, checkpoint.step)
    return {"models": versions, "evaluations": evaluations(run)}


def pronoun_swap(origin: int) -> Json:
    """Return the intervention as every checkpoint of its branch records it."""
    return {
        "kind": "counterfactual data augmentation",
        "targets": [{"attribute": "gender"}],
        "description": f"From step {origin} on, masculine pronouns in the training data are replaced by feminine ones.",
    }


def ref(name: str, step: int) -> str:
    """Return the ref of a checkpoint."""
    return f"model:{name}@step{step}"


def version(run: Run, checkpoint: Checkpoint) -> Json:
    """Return what every version has: its label and configuration (precision where the chain is named for it)."""
    layers, dimension, heads = SHAPES[run.size]
    config: Json = {
        "num_layers": layers,
        "hidden_size": dimension,
        "num_attention_heads": heads,
        "batch_size": BATCH_SIZE,
        "sequence_length": SEQUENCE_LENGTH,
        "train_steps": TRAIN_STEPS,
        "step": checkpoint.step,
    }
    if run.model.endswith("-bf16"):
        config["precision"] = "bf16"
    return {"name": run.name, "version": f"step{checkpoint.step}", "config": config}


def learned(data: str, parent: str) -> Json:
    """Return the fields of a version that went on pretraining from its parent on `data`."""
    return {
        "parents": [{"ref": parent, "relation": "CONTINUE_PRETRAIN"}],
        "trainedOn": [{"ref": f"dataset:{data}", "role": "PRETRAIN"}],
    }


def evaluations(run: Run) -> list[Json]:
    """Return one evaluation for each checkpoint and task; CrowS-Pairs' bias types are slices of the whole."""
    records: list[Json] = []
    for checkpoint in run.checkpoints:
        by_task: dict[str, list[Json]] = {}
        for name, (metric, value, stderr) in checkpoint.results.items():
            task, bias_type = split_bias_type(name)
            result: Json = {"name": metric, "value": value, "stderr": stderr}
            if bias_type:
                result["slice"] = [{"attribute": "bias_type", "value": bias_type}]
            by_task.setdefault(task, []).append(result)
        records += (
            {
                "subject": ref(run.name, checkpoint.step),
                "suite": {
                    "name": "lm-evaluation-harness",
                    "version": "0.3",
                    "config": {"task": task, "task_version": 0, "num_fewshot": 0},
                },
                "evaluator": "EleutherAI",
                "metrics": metrics,
            }
            for task, metrics in by_task.items()
        )
    return records


def split_bias_type(task: str) -> tuple[str, str]:
    """Split `crows_pairs_english_age` into the task and its bias type; other tasks have none."""
    whole = "crows_pairs_english"
    return (whole, task.removeprefix(whole).removeprefix("_")) if task.startswith(whole) else (task, "")
