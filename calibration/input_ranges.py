"""Static input ranges from data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from calibration.support.batches import run_batches, training_modes_kept
from calibration.support.distributed import averaged, gathered, unwrapped
from calibration.support.hooks import observing_inputs
from calibration.support.sampling import quantile_of, sample_of
from crossbar.array import converters_bypassed
from crossbar.array.corrections import InputRange
from crossbar.conversion import analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked
from devices.validation import check_choice, check_positive, check_probability

Method = Literal["quantile", "moving", "minmax", "deviation"]


@checked
@torch.no_grad()
def calibrate_input_ranges(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    method: Method = "quantile",
    quantile: float = 0.9995,
    momentum: float = 0.1,
    deviations: float = 15.0,
    progress: bool = False,
) -> None:
    """Set the input range of every analog layer with `InputConfig(range="static")` from the inputs it sees.

    While calibrating, a layer reads each batch with the range of that batch, and without ADC where that is still to be
    calibrated. In a process group all processes end with one range.

    Parameters
    ----------
    model
        A programmed analog model.
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings.
    method
        `"quantile"` of |x| over all batches (Lammie et al. 2024, aihwkit's post-training calibration); `"moving"`
        average of each batch's quantile; `"minmax"`: nothing is clipped; `"deviation"`: moving average of `deviations`
        standard deviations of each batch, where learned ranges start (`learn_input_ranges`).
    quantile
        Share of |x| that is not clipped.
    momentum
        Weight of the newest batch in the moving average.
    deviations
        Standard deviations of x that the range covers, for that method. Default: of 15 to 18 in Büchel et al., "Analog
        foundation models", NeurIPS 2025.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If no layer has a static range to calibrate, or `batches` is empty.
    """
    check_choice("method", method, get_args(Method))
    check_probability("quantile", quantile)
    check_probability("momentum", momentum)
    check_positive("deviations", deviations)
    model = unwrapped(model)
    layers = [layer for layer in analog_layers(model) if layer.array.config.inputs.range == "static"]
    if not layers:
        raise ValueError("`model` has no layer with a static input range. Convert it with InputConfig(range='static').")
    seen = {layer: _Seen() for layer in layers}
    before = {layer: _copied(_range_of(layer).bounds) for layer in layers}
    try:
        watchers = {layer: _watch(layer, seen[layer], method, quantile, deviations) for layer in layers}
        waiting = [layer.array for layer in analog_layers(model) if layer.array.waits_for_calibration]
        with training_modes_kept(model), observing_inputs(watchers), converters_bypassed(waiting):
            model.eval()
            run_batches(model, batches, progress=progress, description="input ranges")
    finally:
        for layer in layers:
            _range_of(layer).hold(before[layer])
    for layer in layers:
        # A layer that no batch reached keeps the range it had.
        if seen[layer].lowest:
            _range_of(layer).hold(_range(seen[layer], method, quantile, momentum))


@dataclass(kw_only=True)
class _Seen:
    """What is kept of the inputs of one layer."""

    lowest: list[Tensor] = field(default_factory=list)
    """Smallest input of each batch, ()."""
    magnitudes: list[Tensor] = field(default_factory=list)
    """What the method needs of each batch's |x|, (n,)."""


def _range_of(layer: AbstractAnalogLayer) -> InputRange:
    """Return what holds the range of a layer."""
    return cast(InputRange, layer.array.corrections["static_range"])


def _copied(bounds: Tensor | None) -> Tensor | None:
    return None if bounds is None else bounds.detach().clone()


def _watch(
    layer: AbstractAnalogLayer, seen: _Seen, method: Method, quantile: float, deviations: float
) -> Callable[[Tensor], None]:
    """Return an observer that keeps what `method` needs of a batch, and lets the layer read it with its own range."""

    def watch(x: Tensor) -> None:
        """Keep a batch."""
        _range_of(layer).hold(torch.stack([x.amin().clamp(max=0), x.amax().clamp(min=0)]))
        magnitude = x.abs().flatten()
        if method == "quantile":
            seen.magnitudes.append(sample_of(magnitude, 1 << 16))
        elif method == "moving":
            seen.magnitudes.append(quantile_of(magnitude, quantile)[None])
        elif method == "deviation":
            seen.magnitudes.append(deviations * x.std(correction=0)[None])
        else:
            seen.magnitudes.append(magnitude.amax()[None])
        seen.lowest.append(x.amin())

    return watch


def _range(seen: _Seen, method: Method, quantile: float, momentum: float) -> Tensor:
    """Return the smallest and largest input, over all processes, (2,)."""
    kept = seen.magnitudes
    if method == "quantile":
        largest = quantile_of(gathered(torch.cat(kept)), quantile)
    elif method in ("moving", "deviation"):
        average = kept[0][0]
        for value in kept[1:]:
            average = torch.lerp(average, value[0], momentum)
        largest = averaged(average)
    else:
        largest = gathered(torch.cat(kept)).amax()
    signed = gathered(torch.stack(seen.lowest)).amin() < 0
    return torch.stack([torch.where(signed, -largest, 0), largest])
