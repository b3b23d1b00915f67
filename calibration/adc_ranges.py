"""ADC ranges from data."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, get_args

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
Granularity = Literal["tile", "column", "model"]
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
        One range for the converters of a `"tile"`, one per `"column"`, or one for all of the `"model"`: a current, which
        is `lambda beta_in max|W|` in the units of each layer (Büchel et al., "Analog foundation models", NeurIPS 2025).
        There squared errors count relative to the currents of their layer.
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
    check_choice("granularity", granularity, get_args(Granularity))
    check_probability("quantile", quantile)
    check_integer("vectors", vectors, at_least=1)
    model = unwrapped(model)
    layers = [layer for layer in analog_layers(model) if calibrated_adc(layer.array.config)]
    if not layers:
        raise ValueError("`model` has no ADC ranges to calibrate. Convert it with adc=ADC(range='calibrated').")
    kept: dict[nn.Module, list[Tensor]] = {layer: [] for layer in layers}
    before = {layer: layer.array.corrections.converter_steps() for layer in layers}

    def codes(layer: AbstractAnalogLayer) -> Tensor:
        """Return the input codes that the ranges of a layer are fitted to, (vectors, inputs)."""
        return sample_of(gathered(torch.cat(kept[layer])), vectors)

    def fit(layer: AbstractAnalogLayer) -> None:
        """Set the ranges from what has been kept so far."""
        _set_steps(layer.array, _fit_steps(layer.array, codes(layer), method, granularity, quantile))

    try:
        watchers = {layer: _watch(layer, kept[layer], vectors, fit) for layer in layers}
        with training_modes_kept(model), observing_inputs(watchers):
            model.eval()
            run_batches(model, batches, progress=progress, description="ADC ranges")
    except BaseException:
        for layer in layers:
            _set_steps(layer.array, before[layer])
        raise
    reached = [layer for layer in layers if kept[layer]]
    for layer in reached:
        fit(layer)
    if granularity == "model":
        # One range decides what every layer sees, so inputs of layers behind are those read with ranges of their own.
        _share_range({layer.array: codes(layer) for layer in reached}, method, quantile)


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


def _share_range(inputs: Mapping[CrossbarArray, Tensor], method: Method, quantile: float) -> None:
    """Give the converters of all arrays the range that suits the currents of their input codes (vectors, inputs) best."""
    lines = {array: list(bit_line_currents(array, codes)) for array, codes in inputs.items()}
    currents = {array: torch.cat([part.currents.flatten() for part in parts]) for array, parts in lines.items()}
    currents = {array: seen.double() for array, seen in currents.items() if bool(seen.any())}
    if not currents:
        return
    if method == "quantile":
        reach = float(quantile_of(torch.cat([seen.abs().cpu() for seen in currents.values()]), quantile))
    else:
        widest = [float(seen.abs().amax()) for seen in currents.values()]
        candidates = torch.logspace(math.log10(min(widest) / _CANDIDATES), math.log10(max(widest)), 4 * _CANDIDATES)
        reach = min(candidates.tolist(), key=lambda reach: sum(_loss(seen, a, reach) for a, seen in currents.items()))
    for array, parts in lines.items():
        step = array.effective_weight.new_zeros(array.read_placement.column_index.shape).flatten()
        for used in (bit_lines for part in parts for bit_lines in (part.column, part.partner) if bit_lines is not None):
            step[used] = reach / _codes(array)[1]
        _set_steps(array, step.view(array.read_placement.column_index.shape))


def _loss(currents: Tensor, array: CrossbarArray, reach: float) -> float:
    """Return the squared error of codes of a range, relative to the currents (n,)."""
    lowest, highest = _codes(array)
    step = reach / highest
    error = (currents / step).round_().clamp_(lowest, highest).mul_(step).sub_(currents)
    return float(error.square().sum() / currents.square().sum())


def _codes(array: CrossbarArray) -> tuple[int, int]:
    """Return the lowest and the highest code of the converters of an array."""
    adc, signed = array.config.adc, adc_signed(array.config, array.placement)
    if adc is None:
        raise ValueError("`array` has no ADC.")
    highest = highest_code(adc, signed=signed)
    return -highest if signed else 0, highest


def _step(currents: Tensor, array: CrossbarArray, method: Method, quantile: float) -> Tensor:
    """Return the step of each range for the currents (reads, ranges) in it, (ranges,); 0 where there are none."""
    lowest, highest = _codes(array)
    magnitude = currents.abs()
    widest = magnitude.amax(0) / highest
    if method == "quantile":
        step = quantile_of(magnitude, quantile) / highest
        # Where fewer currents than the clipped share are not zero, the largest one is the range.
        return torch.where(step > 0, step, widest)
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
