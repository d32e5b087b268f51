"""What a registry answers to a run, and the files that a run keeps without an answer."""

import os
from pathlib import Path

from descent.training.pending import PendingFolder, state_folder

REF = "model:credit-risk@4.2"
REGISTERED = {
    "created": 2,
    "existing": 1,
    "records": [
        {"id": "sha256:" + "c" * 64, "ref": "sha256:" + "c" * 64, "kind": "CONFIG"},
        {"id": "sha256:" + "5" * 64, "ref": REF, "kind": "MODEL_VERSION"},
    ],
}
AWAY = "http://127.0.0.1:9"


def kept() -> list[Path]:
    return PendingFolder(state_folder(os.environ)).files()
