"""A chip programmed anew in every forward pass, differentiable in the weights."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from crossbar.array.cell_curve import curve_of
from crossbar.array.cell_noise import cell_noise
from crossbar.array.converter_steps import errors_of_units
from crossbar.array.operation_units import split_rows
from crossbar.array.programming import parallel_rows, read_transfer, target_conductance
from crossbar.array.solved import SolvedArrays
from crossbar.config import CrossbarConfig
from crossbar.converters import draw_converter_errors, straight_through
from devices import Device, ProgrammedCells, conductance_at, program_cells, read_conductance
from mapping import Placement, map_weight
from mapping.placement import cell_index


def fresh_chip(
    weight: Tensor,
    config: CrossbarConfig,
    *,
    groups: int = 1,
    stuck: Tensor | None = None,
    steps: Tensor | None = None,
) -> SolvedArrays:
    """Place and program weights (inputs per group, outputs) and solve their wires.

    Rounding and the errors of cells pass gradients straight through; stuck cells have none; drift, clamps at 0 and wires
    have their own.

    Parameters
    ----------
    weight
        Ideal weights, (inputs per group, outputs).
    config
        Technology as training sees it (`seen_config`).
    groups
        Independent blocks of the matrix.
    stuck
        Conductances of the stuck cells of one chip [S], NaN for all others, (tiles, rows, cols).
    steps
        Calibrated current of one ADC code [S x pulse units], (tiles, cols).

    Raises
    ------
    ValueError
        If a weight is not finite, or `stuck` is of arrays with another shape.
    """
    placement = map_weight(weight.detach(), config.mapping, groups=groups)
    cells = _program(_targets(weight, placement, config), config.device, stuck)
    t = config.training.time
    # A converter sees the noise of its own read; without one, all inputs of the pass share a draw.
    read = conductance_at if config.adc is not None else read_conductance
    conductance = read(config.device, cells, t).masked_fill(~placement.present, 0)
    transfer = read_transfer(placement, config, conductance)
    noise = errors = None
    if config.adc is not None:
        if config.fresh_read_noise:
            noise = cell_noise(placement, config, _detached(cells), t)
        if config.adc.has_errors:
            errors = draw_converter_errors(config.adc, tuple(placement.column_index.shape), device=weight.device)
    rows = parallel_rows(placement, config)
    return SolvedArrays(
        placement=placement if rows is None else split_rows(placement, rows),
        config=config,
        transfer=transfer,
        noise=noise,
        converter_errors=errors_of_units(errors, placement, config),
        calibrated_steps=steps,
        gain=None,
        common=None,
        curve=curve_of(placement, config, conductance),
    )


def _targets(weight: Tensor, placement: Placement, config: CrossbarConfig) -> Tensor:
    """Return the conductance that each cell should have [S], (tiles, rows, cols), differentiable in the weights."""
    even = _even_targets(weight, placement, config)
    if not config.training.quantizer:
        return even
    return straight_through(even, target_conductance(placement, config.device).to(even.dtype))


def _even_targets(weight: Tensor, placement: Placement, config: CrossbarConfig) -> Tensor:
    """Return targets that move evenly with the weights: every slice of a weight holds the same share of its window.

    What rounding to levels does on average, and what its straight-through gradient follows.
    """
    device, paired = config.device, config.mapping.sign_encoding.has_pairs
    smallest = torch.finfo(placement.scale.dtype).tiny
    codes = weight / placement.scale.clamp(min=smallest).to(weight.dtype)
    codes = F.pad(codes, (0, placement.references)).flatten()
    index = cell_index(placement, slice(None)).flatten()
    worth = placement.significance() * (placement.column_index < placement.outputs)[:, None, :]  # of a level
    full = (worth * (2 ** placement.column_bits.long() - 1)[:, None, :]).flatten()  # of a cell at g_max
    stored = codes[index] - (0 if paired else placement.digital_offset)
    share = torch.zeros_like(stored)
    for sign in (1, -1) if paired else (1,):
        # Codes that all cells of one sign hold together, for each weight.
        capacity = torch.zeros(len(codes), dtype=full.dtype, device=full.device)
        capacity = capacity.index_add_(0, index, (sign * full).clamp(min=0))[index].to(stored.dtype)
        active = (sign * full > 0) & ((stored.detach() >= 0) if sign > 0 else (stored.detach() < 0))
        share = torch.where(active, sign * stored / capacity.clamp(min=1), share)
    target = device.g_min + device.window.span * share.view(placement.levels.shape)
    if placement.references:
        reference = (placement.column_index >= placement.outputs)[:, None, :]
        target = target.masked_fill(reference, (device.g_min + device.g_max) / 2)
    return target.masked_fill(~placement.present, 0)


def _program(target: Tensor, device: Device, stuck: Tensor | None) -> ProgrammedCells:
    """Program cells to `target` [S] with errors that pass gradients straight through; stuck cells pass none."""
    with torch.no_grad():
        cells = program_cells(device, target.detach())
    held = cells.stuck
    if stuck is not None:
        if stuck.shape != target.shape:
            raise ValueError(
                f"The programmed chip has cells {tuple(stuck.shape)}, but the weights now take {tuple(target.shape)}. "
                "Use a mapping that does not follow the weights, or TrainingEffects(stuck_cells='drawn')."
            )
        held = ~stuck.isnan()
        cells = replace(cells, stuck=held, programmed=torch.where(held, stuck, cells.programmed))
    programmed = straight_through(target, cells.programmed)
    if held is not None:
        programmed = torch.where(held, cells.programmed, programmed)
    return replace(cells, programmed=programmed)


def _detached(cells: ProgrammedCells) -> ProgrammedCells:
    return replace(cells, programmed=cells.programmed.detach())
