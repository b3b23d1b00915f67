"""How much the flip of a single cell can do, by mapping alone."""

import xarray as xr
from torch import nn

from crossbar.attacks.changes import bit_changes
from crossbar.conversion import analog_layers, named_analog_layers
from devices.arguments import checked

_TEXTS = {
    "bits": "bits that can flip",
    "largest": "largest change of a weight, over the largest weight",
    "mean": "mean change of a weight, over the largest weight",
    "rms": "rms change of a weight, over the largest weight",
}


@checked
def damage_of_flips(model: nn.Module) -> xr.Dataset:
    """Return what one flip does to one weight, over all bits of each layer, relative to its largest weight.

    It follows from the mapping: 1 for the sign of two's complement or the first bit of an offset code, 1/2 for the first
    bit of a magnitude in differential pairs. A freed most significant plane halves it, but for rows whose inputs are
    shifted.

    Parameters
    ----------
    model
        A programmed analog model.

    Returns
    -------
    xr.Dataset
        `bits`, and `largest`, `mean` and `rms` change, over `layer`.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    """
    analog_layers(model)
    layers = dict(named_analog_layers(model))
    rows = []
    for layer in layers.values():
        layer.array.require_programmed()
        change = bit_changes(layer.array).change.abs()
        relative = change / layer.array.placement.to_weight().abs().max() if len(change) else change.new_zeros(1)
        rows.append((len(change), relative.max(), relative.mean(), relative.square().mean().sqrt()))
    return xr.Dataset(
        {
            name: ("layer", [float(value) for value in values], {"long_name": text, "units": "1"})
            for (name, text), values in zip(_TEXTS.items(), zip(*rows, strict=True), strict=True)
        },
        coords={"layer": list(layers)},
    )
