"""Which process of a distributed training this is: only that of rank 0 registers.

Launchers give each process its rank in an environment variable:

- torchrun, DeepSpeed, Accelerate, Lightning: `RANK` (https://docs.pytorch.org/docs/stable/elastic/run.html)
- Open MPI: `OMPI_COMM_WORLD_RANK`; PMIx launchers: `PMIX_RANK`; MPICH, Intel MPI, Cray: `PMI_RANK`, `PALS_RANKID`;
  MVAPICH2: `MV2_COMM_WORLD_RANK`; IBM jsrun: `JSM_NAMESPACE_RANK`
- Horovod: `HOROVOD_RANK`
- SLURM's srun: `SLURM_PROCID` (https://slurm.schedmd.com/srun.html)
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

# From the innermost launcher to the outermost: srun that starts one torchrun on each node numbers the nodes.
VARIABLES: Final = (
    "RANK",
    "HOROVOD_RANK",
    "OMPI_COMM_WORLD_RANK",
    "PMIX_RANK",
    "PMI_RANK",
    "MV2_COMM_WORLD_RANK",
    "JSM_NAMESPACE_RANK",
    "PALS_RANKID",
    "SLURM_PROCID",
)
"""The variables, in order of precedence."""


def rank(environment: Mapping[str, str]) -> int:
    """Return the number of this process among those that train together; 0 if it is the only one.

    A process group that PyTorch has initialized takes precedence over the environment. A variable that is no number is
    not a launcher's, and is ignored.
    """
    from_torch = _rank_of_torch()
    if from_torch is not None:
        return from_torch
    given = (environment.get(name, "").strip() for name in VARIABLES)
    return next((int(text) for text in given if text.isascii() and text.isdigit()), 0)


def _rank_of_torch() -> int | None:
    """Return the rank in PyTorch's process group; None if there is none. PyTorch is not imported for this."""
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return int(distributed.get_rank())
