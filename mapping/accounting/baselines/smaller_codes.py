"""What the bits left by squeezing buy without squeezing: plain uniform codes of fewer bits."""

from dataclasses import replace

from mapping.accounting.baselines.dense_inter import dense_inter
from mapping.config import MappingConfig


def smaller_codes(config: MappingConfig) -> MappingConfig:
    """Return dense inter slicing of uniform codes that have as many planes as our mapping keeps.

    Where every row has to shift, squeezing is nothing but this; a mapping has to beat it to be worth its shifts.
    """
    kept = config.weight_bits - config.squeezed_planes
    return replace(dense_inter(config), weight_bits=max(2, kept), quantizer=None)
