"""The manifest: the models, data and results of a team, registered in one transaction.

These models are the only definition of the input's shape: the GraphQL inputs and the client's JSON Schema are made from
them. Field names are snake_case here and camelCase on the wire. A validated manifest is in normal form: names in NFC,
instants in UTC, sets sorted, and what equals its default is absent.
"""

from descentd.graph.inputs.base import Input
from descentd.graph.inputs.datasets import DatasetInput, PopulationStatementInput
from descentd.graph.inputs.evaluations import EvaluationInput, MetricDefinitionInput, NoteInput, VulnerabilityInput
from descentd.graph.inputs.versions import (
    DisclosureInput,
    ModelVersionInput,
    SafetyProfileStatementInput,
    SignatureInput,
    TensorDigestsInput,
)


class ManifestInput(Input):
    """Records that are registered together: all of them or none."""

    metrics: tuple[MetricDefinitionInput, ...] | None = None
    """Metrics that the catalogue does not define."""

    datasets: tuple[DatasetInput, ...] | None = None
    """Datasets with all their partitions."""

    models: tuple[ModelVersionInput, ...] | None = None
    """Model versions, in any order."""

    evaluations: tuple[EvaluationInput, ...] | None = None
    """Results."""

    safety_profiles: tuple[SafetyProfileStatementInput, ...] | None = None
    """Profiles of versions that are registered already."""

    populations: tuple[PopulationStatementInput, ...] | None = None
    """Populations of partitions that are registered already."""

    vulnerabilities: tuple[VulnerabilityInput, ...] | None = None
    """Vulnerabilities that were found."""

    notes: tuple[NoteInput, ...] | None = None
    """Notes in the name of whoever sends them; a note of another author is shown as a quotation."""

    disclosures: tuple[DisclosureInput, ...] | None = None
    """Lineage that became known after a version or dataset was registered."""

    tensor_digests: tuple[TensorDigestsInput, ...] | None = None
    """Digests of the tensors in artifacts, by which kinship that nobody declared is found."""

    signatures: tuple[SignatureInput, ...] | None = None
    """Signatures over the files of versions, which whoever sends them has verified."""
