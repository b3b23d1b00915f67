"""What a layer reads in `train()` mode."""

from dataclasses import replace

import torch
from torch import Tensor

from crossbar.array import READS, CrossbarArray, Wiring, choose_plan
from crossbar.array.training.chip import fresh_chip
from crossbar.array.training.code_noise import code_spread, training_weight
from crossbar.array.training.seen import needs_cells, seen_config
from crossbar.config import CrossbarConfig
from crossbar.converters import CodeRange, quantize_inputs, straight_through


def training_codes(x: Tensor, codes: CodeRange, config: CrossbarConfig) -> Tensor:
    """Return the inputs in units of their codes, rounded as `config.training` says."""
    if config.training.inputs:
        return quantize_inputs(x, codes, config.inputs)
    return x / codes.divisor


def training_read(codes: Tensor, weight: Tensor, array: CrossbarArray, wiring: Wiring) -> Tensor:
    """Return the sums of input codes times weights (inputs per group, outputs) as `config.training` has them."""
    training = array.config.training
    added = None if training.noise is None else training.noise.weight_noise(weight, array.noise_factor)
    if needs_cells(array.config):
        outputs = _read_fresh_chip(codes, weight, array, wiring)
    else:
        seen = _seen_weight(weight, array)
        if added is not None and training.noise is not None and not training.noise.clean_gradient:
            seen, added = seen + added, None
        outputs = wiring.linear_map(codes, wiring.shape_weight(seen.t()))
    if added is None or training.noise is None:
        return outputs
    driven = codes.detach() if training.noise.clean_gradient else codes
    return outputs + wiring.linear_map(driven, wiring.shape_weight(added.t()))


def _seen_weight(weight: Tensor, array: CrossbarArray) -> Tensor:
    """Return the weights with one normal draw each, (inputs per group, outputs)."""
    seen, training = seen_config(array.config), array.config.training
    spread = array.code_spread
    if not (training.programming and training.read_noise):
        spread = code_spread(seen).to(spread.device)
    return training_weight(weight, seen, spread, groups=array.groups)


def _read_fresh_chip(codes: Tensor, weight: Tensor, array: CrossbarArray, wiring: Wiring) -> Tensor:
    """Program a chip and read it; through the converters a gradient passes as if they were ideal."""
    config = seen_config(array.config)
    steps = array.corrections.converter_steps()
    chip = fresh_chip(weight, config, groups=array.groups, stuck=_stuck(array), steps=steps)
    collapsed = READS["collapsed"](config)
    collapsed.prepare(replace(chip, noise=None))
    outputs = collapsed.read_without_converters(codes, wiring)
    if config.adc is None:
        return outputs
    with torch.no_grad():
        reader = READS[choose_plan(config).kind](config)
        reader.prepare(replace(chip, transfer=chip.transfer.detach()))
        converted = reader.read(codes.detach(), wiring)
    return straight_through(outputs, converted)


def _stuck(array: CrossbarArray) -> Tensor | None:
    """Return the conductances of the stuck cells of the programmed chip [S], NaN elsewhere, or None."""
    if array.config.training.stuck_cells != "chip":
        return None
    if not array.programmed_yet:
        raise RuntimeError(
            "`stuck_cells='chip'` trains for the stuck cells of the programmed chip, and there is none. Call "
            "`crossbar.program_analog_weights(model)` first, or use stuck_cells='drawn'."
        )
    cells = array.cells
    return None if cells.stuck is None else torch.where(cells.stuck, cells.programmed, torch.nan)
