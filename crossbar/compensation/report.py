"""What compensation does to each layer of a model."""

import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.array.collapse import effective_weight
from crossbar.array.operation_units import split_rows
from crossbar.array.programming import parallel_rows, read_transfer, target_conductance
from crossbar.compensation.arrays import split_arrays
from crossbar.compensation.cell_range import cell_range
from crossbar.compensation.common_part import common_part
from crossbar.compensation.expected_error import CAUSES, ErrorShares, expected_error
from crossbar.compensation.solve import Targets, correct
from crossbar.conversion import named_analog_layers
from crossbar.serialization import config_to_json

_VARIABLES = {
    "scale": "signal that is kept: what the arrays give, over what the weights say",
    "signal_before": "the same of targets that are not compensated, the best single gain",
    "error_before": "rms error of the weight, relative to it, of targets that are not compensated, after that gain",
    "error_after": "rms error of the weight, relative to it, of compensated targets",
    "at_g_min": "share of the cells at the lower end of the window",
    "at_g_max": "share of the cells at the upper end of the window",
    "arrays": "arrays",
    "digital_multiplications": "multiplications per input vector for the common part that the periphery subtracts",
}


@torch.no_grad()
def compensation_report(model: nn.Module) -> xr.Dataset:
    """Report what compensation does to the layers of a programmed analog model: targets only, without what chips add.

    Returns
    -------
    xr.Dataset
        Over layer: `scale`, `signal_before`, `error_before`, `error_after`, `at_g_min`, `at_g_max`, `arrays` and
        `digital_multiplications`; over (layer, cause): `expected_error`, the rms error by each of `CAUSES` relative to the
        weights, on which the scale is chosen.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    ValueError
        If no layer is compensated.
    """
    layers = {name: layer.array for name, layer in named_analog_layers(model)}
    for array in layers.values():
        array.require_programmed()
    layers = {name: array for name, array in layers.items() if array.target is not None}
    if not layers:
        raise ValueError(
            "`model` has no compensated layer. Convert it with a config of compensation=WireCompensation()."
        )
    figures = [_figures(array) for array in layers.values()]
    expected = torch.stack([_expected(array).relative for array in layers.values()])
    variables = {
        name: ("layer", [figure[name] for figure in figures], {"long_name": text, "units": "1"})
        for name, text in _VARIABLES.items()
    }
    attributes = {"long_name": "rms error to expect, relative to the weights", "units": "1"}
    return xr.Dataset(
        {**variables, "expected_error": (("layer", "cause"), expected.numpy(), attributes)},
        coords={"layer": list(layers), "cause": list(CAUSES)},
        attrs={"title": "compensation of the wires", "config": config_to_json(next(iter(layers.values())).config)},
    )


def _figures(array: CrossbarArray) -> dict[str, float]:
    """Return the figures of one layer."""
    placement, device = array.placement, array.config.device
    ideal, target, used = placement.to_weight(), array.cells.target, placement.used
    before = _weight(array, target_conductance(placement, device), gain=None, common=None)
    gain = float((before * ideal).sum() / ideal.square().sum().clamp(min=1e-30))
    after = _weight(array, target, gain=array.array_gain(), common=array.common)
    window = device.window
    return {
        "scale": 1.0 if array.signal is None else float(array.signal),
        "signal_before": gain,
        "error_before": _relative(before / gain if gain else before, ideal),
        "error_after": _relative(after, ideal),
        "at_g_min": float((target[used] <= device.g_min + 1e-6 * window.span).float().mean()),
        "at_g_max": float((target[used] >= device.g_max - 1e-6 * window.span).float().mean()),
        "arrays": placement.tiles,
        "digital_multiplications": 0 if array.common is None else int(used.any(2).sum() + used.any(1).sum()),
    }


def _weight(array: CrossbarArray, target: Tensor, *, gain: Tensor | None, common: Tensor | None) -> Tensor:
    """Return the weight that targets act as behind the wires, (inputs per group, outputs)."""
    reach = cell_range(array.config.device, _time(array))
    held = array.cells
    conductance = reach.means(target)
    if held.stuck is not None:
        conductance = torch.where(held.stuck, held.programmed, conductance)
    transfer = read_transfer(array.placement, array.config, conductance.masked_fill(~array.placement.present, 0))
    rows = parallel_rows(array.placement, array.config)
    placement = array.placement if rows is None else split_rows(array.placement, rows)
    return effective_weight(placement, array.config.device, transfer, gain=gain, common=common)


def _expected(array: CrossbarArray) -> ErrorShares:
    """Return the errors to expect of a layer's targets."""
    config, settings = array.config, array.config.compensation
    reach = cell_range(config.device, _time(array))
    total = ErrorShares(causes=torch.zeros(len(CAUSES), dtype=torch.float64), power=0.0)
    scale = 1.0 if array.signal is None else float(array.signal)
    for arrays in split_arrays(array.placement, config, None):
        conductance = reach.means(array.cells.target[arrays.tiles]).masked_fill_(~arrays.placement.used, 0)
        targets = Targets(conductance=conductance, correction=torch.ones_like(conductance))
        correct(arrays, targets)
        law = arrays.attenuation(conductance, exact=False)
        targets.base = common_part(arrays, law * targets.correction, reach.low)
        total = total + expected_error(arrays, targets, scale, reach, 0.0 if settings is None else settings.time)
    return total


def _time(array: CrossbarArray) -> float:
    return 0.0 if array.config.compensation is None else array.config.compensation.time


def _relative(weight: Tensor, ideal: Tensor) -> float:
    return float((weight - ideal).norm() / ideal.norm().clamp(min=1e-30))
