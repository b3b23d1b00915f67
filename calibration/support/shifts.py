"""How the programmed chip shifts the outputs of each layer, between layers of ideal weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from calibration.support.batches import checked_batches, require_batches, training_modes_kept
from calibration.support.distributed import summed
from crossbar.batches import call_model
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.layers import AbstractAnalogLayer


@dataclass(eq=False)
class Shifts:
    """Sums over the outputs of one layer, in float64, (5, outputs): count, s, s s, d d, s d (s shift, d ideal, no bias)."""

    layer: AbstractAnalogLayer
    sums: Tensor | None = None

    def watch(self, module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
        """Count the shifts of a batch, and hand on ideal outputs."""
        (x,) = arguments
        bias = self.layer.bias_view()
        ideal = self.layer.linear_map(x, self.layer.weight)
        shift, wanted = (
            self._by_output(values) for values in (output - ideal if bias is None else output - bias - ideal, ideal)
        )
        number = torch.full_like(shift[:, 0], shift.shape[1])
        products = [shift.square(), wanted.square(), shift * wanted]
        new = torch.stack([number, shift.sum(1), *(product.sum(1) for product in products)])
        self.sums = new if self.sums is None else self.sums + new
        return ideal if bias is None else ideal + bias

    def moments(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and standard deviation of the shifts, and the rms of the ideal outputs, (outputs,) each."""
        number, shift, squares, wanted, _ = self.over_processes()
        mean = shift / number
        spread = (squares / number - mean.square()).clamp(min=0).sqrt()
        return mean, spread, (wanted / number).sqrt()

    def over_processes(self) -> Tensor:
        """Return the sums of all processes, (5, outputs)."""
        if self.sums is None:
            raise RuntimeError("No batch has reached this layer.")
        return summed(self.sums)

    def _by_output(self, output: Tensor) -> Tensor:
        """Return outputs as (outputs, values), float64."""
        outputs = output.movedim(-self.layer.vector_dimensions, 0)
        return outputs.reshape(len(outputs), -1).double()


@torch.no_grad()
def measure_shifts(
    model: nn.Module, batches: Iterable[Any], *, progress: bool = False, description: str = "output shifts"
) -> dict[str, Shifts]:
    """Return how the programmed chip shifts the outputs of each analog layer, whose inputs are those of ideal weights.

    Raises
    ------
    ValueError
        If `batches` is empty, or a layer is never reached.
    """
    analog_layers(model)
    found = {name: Shifts(layer) for name, layer in named_analog_layers(model)}
    handles = [shifts.layer.register_forward_hook(shifts.watch) for shifts in found.values()]
    count = 0
    try:
        with training_modes_kept(model):
            model.eval()
            for batch in checked_batches(batches, progress=progress, description=description):
                call_model(model, batch)
                count += 1
    finally:
        for handle in handles:
            handle.remove()
    require_batches(count)
    missing = [name for name, shifts in found.items() if shifts.sums is None]
    if missing:
        raise ValueError(f"`batches` must reach every analog layer. None reached {', '.join(missing)}.")
    return found
