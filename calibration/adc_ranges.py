"""ADC ranges from data."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from calibration.batches import run_batches, training_modes_kept
from calibration.bit_line_currents import bit_line_currents, recorded_codes
from calibration.distributed import gathered, unwrapped
from calibration.hooks import observing_inputs
from calibration.sampling import evenly_spaced, quantile_of
from crossbar.array import CrossbarArray
from crossbar.config import CrossbarConfig
from crossbar.conversion import analog_layers
from crossbar.converters import convert
from crossbar.converters.adc import highest_code
from crossbar.layers import AbstractAnalogLayer
from devices.validation import check_choice, check_integer, check_probability

Method = Literal["quantile", "least_squares"]
Granularity = Literal["tile", "column"]
_CANDIDATES = 50


@torch.no_grad()
def calibrate_adc_ranges(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    method: Method = "least_squares",
    granularity: Granularity = "tile",
    quantile: float = 0.999,
    vectors: int = 512,
    progress: bool = False,
) -> None:
    """Set the range of the ADCs of every layer with `ADC(range="calibrated")` from the currents its bit lines carry.

    A layer is first calibrated on the first batch that reaches it, so the layers behind it see inputs that were read
    with calibrated converters; its range is then set from vectors of all batches. The ranges are currents: they stay
    while the chip drifts and when one of the same shape is programmed anew.

    Parameters
    ----------
    model
        A programmed analog model.
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings.
    method
        The `"quantile"` of |current|, or the range whose codes have the smallest squared error (`"least_squares"`).
    granularity
        One range for the converters of a `"tile"`, or one per `"column"`.
    quantile
        Share of the currents that is not clipped, for that method.
    vectors
        Input vectors kept per layer and batch, evenly spaced over the batch.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If no layer has ADC ranges to calibrate, or `batches` is empty.
    """
    check_choice("method", method, ("quantile", "least_squares"))
    check_choice("granularity", granularity, ("tile", "column"))
    check_probability("quantile", quantile)
    check_integer("vectors", vectors, at_least=1)
    model = unwrapped(model)
    layers = [layer for layer in analog_layers(model) if _to_calibrate(layer.array.config)]
    if not layers:
        raise ValueError("`model` has no ADC ranges to calibrate. Convert it with adc=ADC(range='calibrated').")
    kept: dict[nn.Module, list[Tensor]] = {layer: [] for layer in layers}
    before = {layer: layer.array.calibrated_steps for layer in layers}

    def fit(layer: AbstractAnalogLayer) -> None:
        steps = _fit_steps(layer.array, gathered(torch.cat(kept[layer])), method, granularity, quantile)
        _set_steps(layer.array, steps)

    try:
        watchers = {layer: _watch(layer, kept[layer], vectors, fit) for layer in layers}
        with training_modes_kept(model), observing_inputs(watchers):
            model.eval()
            run_batches(model, batches, progress=progress, description="ADC ranges")
    except BaseException:
        for layer in layers:
            _set_steps(layer.array, before[layer])
        raise
    for layer in layers:
        if kept[layer]:
            fit(layer)


def _to_calibrate(config: CrossbarConfig) -> bool:
    return config.adc is not None and config.adc.range == "calibrated"


def _set_steps(array: CrossbarArray, steps: Tensor | None) -> None:
    array.calibrated_steps = array.steps = steps


def _watch(
    layer: AbstractAnalogLayer, kept: list[Tensor], vectors: int, fit: Callable[[AbstractAnalogLayer], None]
) -> Callable[[Tensor], None]:
    """Return an observer that keeps input vectors, and fits a first range before the first read."""

    def watch(x: Tensor) -> None:
        kept.append(evenly_spaced(recorded_codes(layer, x), vectors).clone())
        if len(kept) == 1:
            fit(layer)

    return watch


def _fit_steps(
    array: CrossbarArray, codes: Tensor, method: Method, granularity: Granularity, quantile: float
) -> Tensor:
    """Return the current of one ADC code [S x pulse units], (tiles, cols)."""
    adc, signed = array.config.adc, array.config.inputs.negative == "bipolar"
    if adc is None:
        raise ValueError("`array` has no ADC.")
    rows = []
    for tile in range(array.placement.tiles):
        currents = bit_line_currents(array, codes, tile)  # (reads, cols)
        if not len(currents):
            currents = currents.new_zeros(1, array.placement.column_index.shape[1])
        largest = _per_range(currents.abs(), granularity, lambda values: values.amax(0))
        if method == "quantile":
            top = _per_range(currents.abs(), granularity, lambda values: quantile_of(values, quantile))
            step = top / highest_code(adc, signed=signed)
        else:
            step = _least_squares(currents, largest / highest_code(adc, signed=signed), array, granularity)
        # A range of nothing (no line was ever driven, or the quantile is 0) falls back to the largest current seen.
        step = torch.where(step > 0, step, largest / highest_code(adc, signed=signed))
        rows.append(torch.where(step > 0, step, 1))
    return torch.stack(rows)


def _per_range(values: Tensor, granularity: Granularity, reduce: Callable[[Tensor], Tensor]) -> Tensor:
    """Reduce currents (reads, cols) over what shares a range, to (cols,)."""
    if granularity == "column":
        return reduce(values)
    return reduce(values.flatten()).expand(values.shape[1])


def _least_squares(currents: Tensor, widest: Tensor, array: CrossbarArray, granularity: Granularity) -> Tensor:
    """Return the step, (cols,), whose codes of the currents (reads, cols) have the smallest squared error.

    The candidates are even shares of the step that clips nothing.
    """
    adc, signed = array.config.adc, array.config.inputs.negative == "bipolar"
    if adc is None:
        raise ValueError("`array` has no ADC.")
    best, smallest = widest, torch.full_like(widest, float("inf"))
    for share in torch.linspace(1 / _CANDIDATES, 1, _CANDIDATES):
        step = torch.where(widest > 0, widest * share, 1)
        error = (convert(currents / step, adc, signed=signed) * step - currents).square().sum(0)
        if granularity == "tile":
            error = error.sum().expand_as(error)
        better = error < smallest
        best, smallest = torch.where(better, step, best), torch.where(better, error, smallest)
    return best
