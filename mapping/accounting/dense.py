"""The size of a dense mapping from the shape of a matrix alone."""

from devices.arguments import checked
from mapping.accounting.footprint import Cycles, Footprint
from mapping.config import MappingConfig


@checked
def dense_footprint(
    config: MappingConfig,
    *,
    inputs: int,
    outputs: int,
    groups: int,
    cycles: Cycles,
    parallel_rows: int | None = None,
    subtract_pairs: bool = False,
) -> Footprint:
    """Return what a weight matrix takes when every plane of it is stored, whatever its values are.

    Parameters
    ----------
    config
        Bits, cells, encoding, slicing and array size; squeezing, releasing and merging are not counted.
    inputs
        Inputs of one group.
    outputs
        Outputs of all groups.
    groups
        Independent blocks, each in arrays of its own.
    cycles
        Input cycles of a read, as `InputConfig.cycles`.
    parallel_rows, subtract_pairs
        As for `footprint`; pairs are subtracted where the encoding has them.
    """
    encoding = config.sign_encoding
    arrays, planes = encoding.arrays, len(encoding.widths(config.weight_bits - 1, config.cell_bits))
    width = outputs // groups
    row_blocks = -(-inputs // config.rows)
    if config.slicing == "inter":
        per_group = arrays * planes * row_blocks * -(-width // config.cols)
    else:
        per_group = arrays * row_blocks * -(-width * planes // config.cols)
    references = per_group * groups if config.reference_column else 0
    full, rest = divmod(inputs, config.rows)
    unit = min(parallel_rows or config.rows, config.rows)
    units = full * -(-config.rows // unit) + -(-rest // unit)  # of all row blocks together
    bit_lines = arrays * planes * width * groups + references // row_blocks
    converters = bit_lines // 2 if subtract_pairs and encoding.has_pairs else bit_lines
    return Footprint(
        crossbars=per_group * groups,
        cells=arrays * planes * inputs * outputs + references // row_blocks * inputs,
        array_cells=config.rows * (config.cols + int(config.reference_column)),
        adc_conversions=converters * units * cycles(0),
        input_cycles=cycles(0),
    )
