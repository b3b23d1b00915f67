"""The size of a dense mapping from the shape of a matrix alone."""

from devices.arguments import checked
from mapping.accounting.footprint import Cycles, Footprint
from mapping.config import MappingConfig
from mapping.group_packing import groups_per_array


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
        Bits, cells, encoding, layout of pairs, slicing and array size; squeezing, releasing and merging are not counted.
    inputs
        Inputs of one group.
    outputs
        Outputs of all groups.
    groups
        Independent blocks, each in arrays of its own unless the config packs them.
    cycles
        Input cycles of a read, as `InputConfig.cycles`.
    parallel_rows, subtract_pairs
        As for `footprint`; pairs are subtracted where the encoding has them, those on word lines in any case.
    """
    encoding, layout = config.sign_encoding, config.pair_layout
    planes = config.planes_of_weight
    stacks, side_by_side = (planes, 1) if config.slicing == "inter" else (1, planes)
    rows = config.rows // layout.word_lines * layout.word_lines
    full, rest = divmod(inputs * layout.word_lines, rows)
    row_blocks = full + (rest > 0)
    columns = outputs // groups * side_by_side
    column_blocks = -(-columns // (config.cols // layout.bit_lines))
    per_group = layout.arrays * stacks * row_blocks * column_blocks
    references = per_group * groups if config.reference_column else 0
    together = groups_per_array(config, inputs=inputs, outputs=outputs // groups, groups=groups)
    unit = min(parallel_rows or rows, rows)
    units = full * -(-rows // unit) + -(-rest // unit)  # of all row blocks together
    units_of_groups = groups * units
    if together > 1:  # a group may begin and end within a unit
        met = _all_units if config.group_packing == "g_min" else _units
        units_of_groups = groups // together * met(rest, unit, together) + met(rest, unit, groups % together)
    lines_of_output = 1 if subtract_pairs else layout.arrays * layout.bit_lines
    lines = lines_of_output * planes * outputs + references // row_blocks
    return Footprint(
        crossbars=per_group * -(-groups // together),
        cells=encoding.arrays * planes * inputs * outputs + references // row_blocks * inputs,
        array_cells=config.rows * (config.cols + int(config.reference_column)),
        adc_conversions=lines // groups * units_of_groups * cycles(0),
        input_cycles=cycles(0),
    )


def _units(rows: int, unit: int, groups: int) -> int:
    """Return how many units of word lines the groups of `rows` lines each meet, summed over groups of one array."""
    return sum(-(-(place + 1) * rows // unit) - place * rows // unit for place in range(groups))


def _all_units(rows: int, unit: int, groups: int) -> int:
    """Return the same where all word lines of an array have cells on the bit lines of every group."""
    return groups * -(-groups * rows // unit)
