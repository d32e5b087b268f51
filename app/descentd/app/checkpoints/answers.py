"""Signed answers: what this server answered to a question as of an entry of the log, with the key of checkpoints.

What the registry computes is no record, and no proof covers it. A signed answer says who stated it, when, and about
which log, so that it cannot be changed afterwards, or denied.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from descentd.app.checkpoints.signer import Signer
from descentd.graph.model.clock import timestamp
from descentd.queries.proofs import LogTree
from descentd.queries.registry import Registry

FORMAT: Final = "descent.answer.v1"
"""The first line, where a checkpoint has the name of its key: one is not taken for the other."""


@dataclass(frozen=True, slots=True)
class AnswerSigner:
    """Signs answers with the key of `signer`, which may be None; `registry` raises Unavailable while there is none."""

    signer: Signer | None
    registry: Callable[[], Registry]

    async def sign(self, question: str, answer: str, size: int) -> str | None:
        """The note over a question and its answer, as they were sent, in a log of `size` entries; None without a key.

        Raises Unavailable where the log does not continue what was signed before.
        """
        if self.signer is None:
            return None
        registry = self.registry()
        root = await self.signer.root(registry.store, registry.cache(LogTree), size)
        lines = [
            FORMAT,
            self.signer.public.name,
            timestamp(),
            str(size),
            base64.b64encode(root).decode(),
            *(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (question, answer)),
        ]
        return self.signer.sign_text("\n".join(lines) + "\n")
