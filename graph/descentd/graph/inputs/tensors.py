"""Input of a statement about an artifact: the digests of the tensors in it, by which kinship is found."""

from typing import Annotated

from pydantic import Field

from descentd.graph.inputs.base import Count, Digest, Input, Ref, Value, checked, single


class TensorInput(Input):
    """A tensor of an artifact."""

    name: Value
    """Its name in the file."""

    digest: Digest
    """The digest of its data: SHA-256 of its bytes as they are in the file."""

    size: Count
    """Its size in bytes."""


class TensorDigestsInput(Input):
    """The digests of the tensors in an artifact of a version, which are not part of the version's content."""

    subject: Ref
    """The version."""

    artifact: Digest
    """The digest of the artifact, one of the version's."""

    tensors: Annotated[tuple[TensorInput, ...], checked(single("name")), Field(min_length=1)]
    """Its tensors; those that unrelated models share, such as all zeros, are left out."""
