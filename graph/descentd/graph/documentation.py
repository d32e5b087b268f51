"""Whether the training data of a version is documented, and which words of its code or config indicate training.

A clearance is earned by documentation, so whoever walks goes by the same rules: the index, and Neo4j pushed down.
"""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role

_PARAMETERS: Final = re.compile(
    r"(?:peak_|base_|max_|min_)?(?:learning_rate|lr)|lr_(?:scheduler(?:_type)?|schedule|decay)"
    r"|(?:num_|n_|max_|train_|num_train_)?epochs"
    r"|(?:max_|num_|train_|training_|num_train_|max_train_|total_)steps|train_iters"
    r"|warmup_(?:steps|ratio)|optim(?:izer)?|weight_decay|adam_beta[12]"
    r"|(?:per_device_)?train_batch_size|gradient_accumulation_steps"
    r"|lora_(?:r|rank|alpha)|train(?:ing)?_(?:data|dataset|file)"
)
"""Names of parameters that only training has, as the usual trainers write them."""

_STAGES: Final = re.compile(r"stages?|task|method|type|kind|mode|step|phase|script|entrypoint|command|trainer")
"""Names of parameters whose text may speak of training."""

_WORDS: Final = re.compile(
    r"(?<![a-z])(?:pre|re)?(?:train|training|trainer|trained)(?![a-z])"
    r"|fine[\W_]?tun(?:e|ed|ing)(?![a-z])|pretrain(?:ing|ed)?(?![a-z])"
    r"|(?<![a-z])(?:sft|dpo|rlhf|ppo|grpo|orpo|kto|qat)(?![a-z])",
)


def speaks_of_training(kind: Kind, content: Content) -> bool:
    """Whether a CODE or CONFIG record says that something was trained: by its parameters, stage, task or path."""
    if kind is Kind.CODE:
        return bool(_WORDS.search(str(content.get("path", "")).lower()))
    if kind is not Kind.CONFIG:
        return False
    return any(_is_training(name, value) for name, value in _parameters(content))


def _is_training(name: str, value: Any) -> bool:
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
    if _PARAMETERS.fullmatch(plain):
        return value not in (None, False, 0, "")
    return isinstance(value, str) and bool(_STAGES.fullmatch(plain) and _WORDS.search(value.lower()))


def _parameters(content: Any) -> Iterator[tuple[str, Any]]:
    """Names and values at whatever depth, without recursion along the data."""
    stack = [content]
    while stack:
        inner = stack.pop()
        if isinstance(inner, dict):
            yield from inner.items()
            stack += inner.values()
        elif isinstance(inner, list):
            stack += inner


Stated = tuple[Role, bool]
"""An edge as far as it matters here: its role, and `Edge.learns`."""


def is_documented(own: Collection[Stated], disclosed: Collection[tuple[Stated, bool]], *, trained: bool) -> bool:
    """Whether a version lists what it was trained on, or came about without training.

    own: the edges that the version's record states.
    disclosed: those of disclosures in force about it, each with whether its disclosure is complete.
    trained: whether its code or config speaks of training.
    """
    if any(map(_teaches, own)) or any(complete and _teaches(edge) for edge, complete in disclosed):
        return True
    if trained or any(_teaches(edge) for edge, _ in disclosed):
        return False
    derived = [learns for role, learns in (*own, *(edge for edge, _ in disclosed)) if role is Role.DERIVED_FROM]
    stated = (*own, *(edge for edge, complete in disclosed if complete))
    return not any(derived) and any(role is Role.DERIVED_FROM for role, _ in stated)


def _teaches(edge: Stated) -> bool:
    return edge == (Role.TRAINED_ON, True)
