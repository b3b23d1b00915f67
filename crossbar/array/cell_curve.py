"""What cells that are not ohmic make of pulses of several bits.

Every pulse puts another voltage on its word line, and the current of a cell is not proportional to it. Reads stay matrix
products: the current of a cell at any pulse is a sum of its currents at a few of them, with shares that are the same for
all cells, so each of those pulses has a matrix of its own, and what drives it is a function of the pulse.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array.operating_point import small_signal_conductance
from crossbar.array.programming import read_transfer
from crossbar.array.pulse_nodes import choose_pulses
from crossbar.config import CrossbarConfig
from crossbar.converters import InputConfig, pulses
from devices import ProgrammedCells, conductance_at
from devices.current_voltage import AbstractCurrentVoltage
from mapping import Placement

_EXACT = 1e-10
"""What the shapes of a law may leave undescribed."""
_BEHIND_WIRES = 1e-3
"""The same behind wires, where operating points are known to a few parts in a thousand."""
_SAMPLES = 8
_LEAST_SHARE = 0.3
"""Least part of the voltage of a pulse that cells behind wires are sampled at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellCurve:
    """The cells of arrays at some pulses, and what every pulse is worth there."""

    worth: Tensor
    """What pulses from 0 on are worth at each chosen pulse, the largest first [pulse units], (chosen, pulses + 1)."""
    transfer: Tensor
    """Current over pulse at the chosen pulses after the first, which is that of `SolvedArrays` [S], (chosen - 1, tiles,
    rows, cols)."""
    pulse: tuple[float, ...]
    """Those pulses over the largest, (chosen - 1,)."""

    def mean_worth(self, largest: Tensor) -> Tensor:
        """Return what pulses are worth on the mean of all cells, weighed by their squares as noise is, (pulses + 1,).

        Read noise that is the same share of every cell's current at every voltage has this worth times its spread at the
        largest pulse: exactly with `Sinh`, within 0.2 % on the mean over outputs and 4 % on any of them (64 rows, cubic,
        tabulated and own laws).

        Parameters
        ----------
        largest
            Transfer matrices at the largest pulse [S], (tiles, rows, cols).
        """
        total = largest.square().sum()
        ratio = (self.transfer * largest).sum((1, 2, 3)) / torch.where(total > 0, total, 1)
        return self.worth[0] + ratio @ self.worth[1:]


def cell_curve(placement: Placement, config: CrossbarConfig, cells: ProgrammedCells, t: float) -> CellCurve | None:
    """Return what cells make of pulses of several bits, or None where they are ohmic or pulses have one bit.

    Without wires it is exact: one matrix for `Sinh`, three for `Cubic`, at most as many as measured conductances for
    `Tabulated`, one for every pulse for any other law. Behind wires every matrix is the transfer matrix of the array with
    its cells at the operating point of that pulse. On one thread a collapsed read with `Sinh` takes 1.3 times that of ohmic
    cells, a tiled one 1.0 to 1.5 times; with `Cubic` they take 3.6 to 3.8 and 2.8 to 3.5 times.

    Parameters
    ----------
    placement, config
        Where the cells are, and the technology.
    cells
        Programmed cells.
    t
        Seconds since programming.
    """
    if not config.bends_pulses:
        return None
    return curve_of(placement, config, conductance_at(config.device, cells, t).masked_fill(~placement.present, 0))


def curve_of(placement: Placement, config: CrossbarConfig, conductance: Tensor) -> CellCurve | None:
    """Return `cell_curve` of cells of known conductance [S], (tiles, rows, cols); 0 where there is no cell."""
    law = config.device.current_voltage
    if law is None or not config.bends_pulses:
        return None
    largest = 2 ** (config.inputs.pulse_bits or 1) - 1
    chosen, shares = choose_pulses(*_shapes(law, config, conductance.detach(), largest))
    with torch.autocast(conductance.device.type, enabled=False):
        matrices = [read_transfer(placement, config, conductance, pulse=pulse / largest) for pulse in chosen[1:]]
    worth = shares * torch.tensor(chosen, dtype=shares.dtype, device=shares.device)[:, None]
    like = conductance.new_zeros(0) if not matrices else matrices[0]
    return CellCurve(
        worth=worth.to(conductance),
        pulse=tuple(pulse / largest for pulse in chosen[1:]),
        transfer=torch.stack(matrices) if matrices else like.new_zeros(0, 1, 1, 1),
    )


def _shapes(
    law: AbstractCurrentVoltage, config: CrossbarConfig, conductance: Tensor, largest: int
) -> tuple[Tensor, float]:
    """Return functions of the pulse that describe all cells, (functions, pulses), and how well."""
    share = torch.arange(1, largest + 1, dtype=torch.float64, device=conductance.device) / largest
    voltage = share * config.inputs.read_voltage
    if config.wires.ideal:
        shapes = law.shapes(voltage)
        every = torch.eye(largest, dtype=torch.float64, device=conductance.device)
        return (every if shapes is None else shapes), _EXACT
    present = conductance[conductance > 0].double()
    if not len(present):
        return share[None], _EXACT
    between = torch.linspace(0, 1, _SAMPLES, dtype=torch.float64, device=conductance.device)
    sampled = present.min() * (present.max() / present.min()) ** between
    sampled = small_signal_conductance(sampled, law, config.inputs.read_voltage)
    reduced = (_LEAST_SHARE + (1 - _LEAST_SHARE) * between)[:, None, None] * voltage
    return law.current(reduced, sampled[:, None]).flatten(0, 1), _BEHIND_WIRES


def bend(pulses: Tensor, worth: Tensor) -> Tensor:
    """Return what pulses of either sign are worth, by a table (pulses + 1,) of those from 0 on."""
    return worth[pulses.abs().long()] * pulses.sign()


def code_worth(worth: Tensor, inputs: InputConfig, *, power: int = 1) -> Tensor:
    """Return what whole codes are worth over their cycles, from what pulses are, (..., pulses + 1) -> (..., codes).

    Parameters
    ----------
    worth
        Of pulses from 0 on.
    inputs
        How codes become pulses.
    power
        1 for currents; 2 for variances, which pulses read apart add.
    """
    bits = inputs.bits or 1
    cut = pulses(torch.arange(2**bits, device=worth.device, dtype=torch.float64), inputs)  # (cycles, codes)
    weight = 2.0 ** (
        power * (inputs.pulse_bits or 1) * torch.arange(len(cut), device=worth.device, dtype=torch.float64)
    )
    seen = worth.double()[..., cut.long()] ** power
    return (seen * weight[:, None]).sum(-2).to(worth)


def bend_codes(codes: Tensor, worth: Tensor, inputs: InputConfig) -> Tensor:
    """Return what codes of either sign are worth beyond a code of 0, by a table (codes,) of those from 0 on.

    The gradient is the slope of the table where whole codes are pulses; where they are cut into several, whose worth jumps
    from code to code, that of the pulses that add up to the largest.
    """
    offset = inputs.offset_code
    driven = codes.detach() + offset
    bent = bend(driven, worth) - worth[offset]
    if not codes.requires_grad:
        return bent
    last = len(worth) - 1
    if inputs.cycles() > 1:
        return torch.addcmul(bent, codes - codes.detach(), worth[-1] / last)
    above, below = (driven + 1).clamp_(max=last), (driven - 1).clamp_(min=-last)
    slope = (bend(above, worth) - bend(below, worth)) / (above - below)
    return torch.addcmul(bent, codes - codes.detach(), slope)
