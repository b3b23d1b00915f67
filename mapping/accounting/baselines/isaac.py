"""ISAAC (Shafiee et al., ISCA 2016): 16-bit weights in eight 2-bit cells of one array."""

from dataclasses import replace

from mapping.accounting.baselines.dense_intra import dense_intra
from mapping.config import MappingConfig


def isaac(config: MappingConfig) -> MappingConfig:
    """Return ISAAC's mapping on our array size: 16-bit weights with an offset, 2-bit cells side by side (section 5).

    A reference column in every array stands for ISAAC's unit column, and is counted as one bit line.
    """
    return replace(
        dense_intra(config),
        weight_bits=16,
        cell_bits=2,
        encoding="offset",
        reference_column=True,
        group_packing="none",  # the unit column of an array belongs to all of its word lines
        quantizer=None,
    )
