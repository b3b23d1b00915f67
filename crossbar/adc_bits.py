"""The resolution that the converters of a programmed model need."""

import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.array.conversions import currents_of
from crossbar.array.converter_steps import adc_signed, largest_reach
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.converters import lossless_bits
from devices.arguments import checked

_VARIABLES = {
    "bits": "bits that tell apart every sum of the layer's bit lines",
    "median_bits": "the same, for the median bit line",
    "worst_case": "the same, whatever levels the cells hold",
}


@checked
def adc_bits_report(model: nn.Module) -> xr.Dataset:
    """Return the ADC resolution at which converters lose nothing, from the levels that the cells of a model hold.

    A bit line of ideal cells gives whole sums of levels times pulses; a converter whose step is one of them and whose range
    holds the largest loses nothing. Sparse codes, such as ternary ones on one-bit cells, need less than the worst case.

    Parameters
    ----------
    model
        A programmed analog model with quantised inputs.

    Returns
    -------
    xr.Dataset
        `bits`, `median_bits` (over bit lines, or pairs of them) and `worst_case` over layer; a bit for the sign is counted
        where currents have one.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    ValueError
        If the model has no analog layer, or the inputs of one are not quantised.
    """
    analog_layers(model)
    rows = {name: _bits(layer.array, name) for name, layer in named_analog_layers(model)}
    return xr.Dataset(
        {
            key: ("layer", [row[i] for row in rows.values()], {"long_name": text, "units": "1"})
            for i, (key, text) in enumerate(_VARIABLES.items())
        },
        coords={"layer": list(rows)},
    )


def _bits(array: CrossbarArray, name: str) -> tuple[int, int, int]:
    """Return the bits for the largest, the median and any bit line."""
    config, placement = array.config, array.read_placement
    pulse_bits = config.inputs.pulse_bits
    if pulse_bits is None:
        raise ValueError(f"`model` must have input codes. Got inputs.bits=None in layer `{name}`.")
    levels = placement.levels * placement.used * placement.row_sign[:, :, None]
    found = array.conversions()
    bipolar = config.inputs.negative == "bipolar"
    reach = largest_reach(currents_of(levels, found), placement, bipolar=bipolar) * (2**pulse_bits - 1)
    sign = int(adc_signed(config, placement))
    lines = int((placement.row_index >= 0).sum(1).max()) if placement.tiles else 0
    worst = lossless_bits(max(lines, 1), config.mapping.cell_bits, pulse_bits)
    return _length(reach.max()) + sign, _length(reach.median()) + sign, worst + sign


def _length(largest: Tensor) -> int:
    return int(largest).bit_length()
