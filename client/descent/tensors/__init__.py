"""Files of tensors, safetensors and GGUF: what their headers say, and the digests of their tensors."""

from descent.tensors.header import Header, InvalidTensorFile, Omitted, Tensor
from descent.tensors.reading import read_header

__all__ = ["Header", "InvalidTensorFile", "Omitted", "Tensor", "read_header"]
