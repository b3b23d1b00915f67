"""Noise injection adaption: the shifts that a chip gives its outputs, measured and injected in training."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from calibration.support.batches import checked_batches, require_batches, training_modes_kept
from calibration.support.distributed import summed, unwrapped
from crossbar.batches import call_model
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.layers import AbstractAnalogLayer
from crossbar.training_noise import OutputShift
from crossbar.training_settings import set_training_effects
from devices.arguments import checked


@checked
@torch.no_grad()
def inject_output_shifts(model: nn.Module, batches: Iterable[Any], *, progress: bool = False) -> xr.Dataset:
    """Measure how the programmed chip shifts the outputs of each layer, and let `train()` inject shifts like them.

    Noise injection adaption (He, Lin, Ewetz, Yuan and Fan, DAC 2019) takes the shifts of the outputs of an array, all
    effects of the circuit together, as normal and trains under them instead of solving circuits. Here they are measured on
    the exact circuit, converters included, and between layers inputs are those of ideal weights. The mean and the standard
    deviation of each output (all its arrays added up) become the layer's `TrainingEffects(noise=OutputShift(...))`; what
    else training contains stays. Program and measure again after training: the shifts follow the weights.

    Parameters
    ----------
    model
        A programmed analog model.
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    xr.Dataset
        Over `layer`: rms of the `mean` shifts and of the `spread` about them, relative to the rms of the ideal outputs.

    Raises
    ------
    ValueError
        If `batches` is empty, or a layer is never reached.
    """
    model = unwrapped(model)
    analog_layers(model)
    found = {name: _Shifts(layer) for name, layer in named_analog_layers(model)}
    handles = [shifts.layer.register_forward_hook(shifts.watch) for shifts in found.values()]
    count = 0
    try:
        with training_modes_kept(model):
            model.eval()
            for batch in checked_batches(batches, progress=progress, description="output shifts"):
                call_model(model, batch)
                count += 1
    finally:
        for handle in handles:
            handle.remove()
    require_batches(count)
    missing = [name for name, shifts in found.items() if shifts.sums is None]
    if missing:
        raise ValueError(f"`batches` must reach every analog layer. None reached {', '.join(missing)}.")
    moments = {name: shifts.moments() for name, shifts in found.items()}
    effects = {
        name: replace(
            found[name].layer.array.config.training,
            noise=OutputShift(mean=tuple(mean.tolist()), spread=tuple(spread.tolist())),
        )
        for name, (mean, spread, _) in moments.items()
    }
    set_training_effects(model, effects)
    relative = {
        name: [_rms(values) / _rms(ideal) for values in (mean, spread)]
        for name, (mean, spread, ideal) in moments.items()
    }
    names = {"mean": "mean shift, relative to the outputs", "spread": "spread of shifts, relative to the outputs"}
    return xr.Dataset(
        {
            key: ("layer", [row[i] for row in relative.values()], {"long_name": text, "units": "1"})
            for i, (key, text) in enumerate(names.items())
        },
        coords={"layer": list(relative)},
    )


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


@dataclass(eq=False)
class _Shifts:
    """Sums over the outputs of one layer, in float64: count, shifts, their squares, squares of the ideal outputs."""

    layer: AbstractAnalogLayer
    sums: Tensor | None = None

    def watch(self, module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
        """Count the shifts of a batch, and hand on ideal outputs."""
        (x,) = arguments
        ideal = self.layer.linear_map(x, self.layer.weight)
        bias = self.layer.bias_view()
        ideal = ideal if bias is None else ideal + bias
        shift, wanted = (self._by_output(values) for values in (output - ideal, ideal))
        number = torch.full_like(shift[:, 0], shift.shape[1])
        new = torch.stack([number, shift.sum(1), shift.square().sum(1), wanted.square().sum(1)])
        self.sums = new if self.sums is None else self.sums + new
        return ideal

    def moments(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and standard deviation of the shifts, and the rms of the ideal outputs, (outputs,) each."""
        if self.sums is None:
            raise RuntimeError("No batch has reached this layer.")
        number, shift, squares, wanted = summed(self.sums)
        mean = shift / number
        spread = (squares / number - mean.square()).clamp(min=0).sqrt()
        return mean, spread, (wanted / number).sqrt()

    def _by_output(self, output: Tensor) -> Tensor:
        """Return outputs as (outputs, values), float64."""
        outputs = output.movedim(-self.layer.vector_dimensions, 0)
        return outputs.reshape(len(outputs), -1).double()
