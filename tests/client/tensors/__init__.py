"""Files of tensors: their headers, and the digests of their tensors."""
