"""Every bit of the same codes stored, one plane per array."""

from dataclasses import replace

from mapping.config import MappingConfig


def dense_inter(config: MappingConfig) -> MappingConfig:
    """Return the mapping with one-bit cells and every plane of both signs in arrays of its own."""
    return replace(
        config,
        cell_bits=1,
        encoding="differential",
        pairs="arrays",
        reference_column=False,
        slicing="inter",
        squeezed_planes=0,
        release_empty=False,
        row_order="given",
        merge_columns=False,
    )
