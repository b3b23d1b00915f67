"""Every bit of the same codes stored, the bits of a weight side by side."""

from dataclasses import replace

from mapping.accounting.baselines.dense_inter import dense_inter
from mapping.config import MappingConfig


def dense_intra(config: MappingConfig) -> MappingConfig:
    """Return the mapping with one-bit cells and the planes of a weight on neighbouring bit lines of one array."""
    return replace(dense_inter(config), slicing="intra")
