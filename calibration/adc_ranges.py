"""ADC ranges from data."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from calibration.support.batches import run_batches, training_modes_kept
from calibration.support.distributed import gathered, unwrapped
from calibration.support.hooks import observing_inputs
from calibration.support.sampling import quantile_of, sample_of
from crossbar.array import CrossbarArray
from crossbar.array.bit_line_currents import BitLineCurrents, bit_line_currents
from crossbar.array.converter_steps import adc_signed, calibrated_adc
from crossbar.conversion import analog_layers
from crossbar.converters import highest_code
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked
from devices.validation import check_choice, check_integer, check_probability

Method = Literal["quantile", "least_squares"]
Granularity = Literal["tile", "column"]
_CANDIDATES = 50


@checked
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
        Input vectors of a layer that its ranges are fitted to, drawn from all batches.
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
    layers = [layer for layer in analog_layers(model) if calibrated_adc(layer.array.config)]
    if not layers:
        raise ValueError("`model` has no ADC ranges to calibrate. Convert it with adc=ADC(range='calibrated').")
    kept: dict[nn.Module, list[Tensor]] = {layer: [] for layer in layers}
    before = {layer: layer.array.corrections.converter_steps() for layer in layers}

    def fit(layer: AbstractAnalogLayer) -> None:
        """Set the ranges from what has been kept so far."""
        codes = sample_of(gathered(torch.cat(kept[layer])), vectors)
        steps = _fit_steps(layer.array, codes, method, granularity, quantile)
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


def _set_steps(array: CrossbarArray, steps: Tensor | None) -> None:
    setattr(array.corrections["adc_steps"], "steps", steps)  # noqa: B010
    array.prepare()


def _watch(
    layer: AbstractAnalogLayer, kept: list[Tensor], vectors: int, fit: Callable[[AbstractAnalogLayer], None]
) -> Callable[[Tensor], None]:
    """Return an observer that keeps input vectors, and fits a first range before the first read."""

    def watch(x: Tensor) -> None:
        """Keep a batch."""
        kept.append(sample_of(layer.input_codes(x), vectors))
        if len(kept) == 1:
            fit(layer)

    return watch


def _fit_steps(
    array: CrossbarArray, codes: Tensor, method: Method, granularity: Granularity, quantile: float
) -> Tensor:
    """Return the current of one ADC code [S x pulse units], (tiles, cols); 0 where a converter sees no current."""
    tiles, cols = array.read_placement.column_index.shape
    steps = array.effective_weight.new_zeros(tiles * cols)
    for lines in bit_line_currents(array, codes):
        if not len(lines.currents):
            continue
        for chosen, currents in _shared_ranges(lines, granularity, cols):
            step = _step(currents, array, method, quantile)
            steps[lines.column[chosen]] = step
            if lines.partner is not None:
                steps[lines.partner[chosen]] = step
    return steps.view(tiles, cols)


def _shared_ranges(lines: BitLineCurrents, granularity: Granularity, cols: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield sets of converters, and the currents that share a range as columns, (reads, ranges)."""
    if granularity == "column":
        yield torch.ones_like(lines.column, dtype=torch.bool), lines.currents
        return
    tile = lines.column // cols
    for number in torch.unique(tile):
        yield tile == number, lines.currents[:, tile == number].reshape(-1, 1)


def _step(currents: Tensor, array: CrossbarArray, method: Method, quantile: float) -> Tensor:
    """Return the step of each range for the currents (reads, ranges) in it, (ranges,); 0 where there are none."""
    adc, signed = array.config.adc, adc_signed(array.config, array.placement)
    if adc is None:
        raise ValueError("`array` has no ADC.")
    highest = highest_code(adc, signed=signed)
    magnitude = currents.abs()
    widest = magnitude.amax(0) / highest
    if method == "quantile":
        step = quantile_of(magnitude, quantile) / highest
        # Where fewer currents than the clipped share are not zero, the largest one is the range.
        return torch.where(step > 0, step, widest)
    lowest = -highest if signed else 0
    best, smallest = widest, torch.full_like(widest, float("inf"))
    for share in torch.linspace(1 / _CANDIDATES, 1, _CANDIDATES).tolist():
        step = widest * share
        error = (
            ((currents / torch.where(step > 0, step, 1)).round_().clamp_(lowest, highest) * step - currents)
            .square_()
            .sum(0)
        )
        best = torch.where(error < smallest, step, best)
        smallest = torch.minimum(error, smallest)
    return best
