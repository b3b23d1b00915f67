"""Fresh read noise of the cells, seen at the ends of their bit lines."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from crossbar.array.operating_point import operating_conductance
from crossbar.array.operation_units import split_tile_rows
from crossbar.array.programming import as_read, driven_of
from crossbar.config import CrossbarConfig
from crossbar.parasitics.noise_sensitivity import noise_response, noise_share
from devices import ProgrammedCells, conductance_at, read_noise_variance
from mapping import Placement


@dataclass(frozen=True, kw_only=True, eq=False)
class CellNoise:
    """Fresh read noise of programmed arrays at one time; what it does behind the wires is found where it is asked for.

    Under wires the voltage over a cell falls with the current of its bit line: for inputs `x` that give it the current
    `I_j(x)`, noise of cell kj adds `(own_kj x_k - taken_kj I_j(x))^2 var(G_kj)` to the variance of output j.
    """

    config: CrossbarConfig
    """Technology."""
    conductance: Tensor
    """Mean conductances [S], (tiles, rows, cols); 0 where there is no cell."""
    cells: Tensor
    """Variances of the cells [S^2], (tiles, rows, cols); 0 where there is no cell."""
    driven: Tensor | None
    """Which operation units have a word line, as `driven_of` says."""

    @cached_property
    def variance(self) -> Tensor:
        """Variances of the cells as reads see them, one row per word line [S^2], (tiles or units, rows, cols)."""
        return self._per_word_line(self.cells)

    @cached_property
    def response(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """`own`, `taken` [1/S] and `left` of the cells, each (tiles or units, rows, cols); None without wires."""
        if self.config.wires.ideal or not self.cells.numel():
            return None
        with torch.autocast(self.conductance.device.type, enabled=False):
            own, taken, left = as_read(self.conductance, self.config, _responses, driven=self.driven).chunk(3, -1)
        return own, taken, left

    def entries(self, transfer: Tensor) -> Tensor:
        """Return variances for the entries of `transfer` [S^2], as if each followed its own input alone.

        Under wires that holds on the mean over inputs as even as random pulses are. Against the exact first order of the
        circuit the standard deviation is within 5 % for random bits and for inputs of both signs up to `Wires.coupling`
        2; too large by 4 to 14 % for whole codes of one sign, up to 27 % where all rows are driven alike; too small by up
        to 12 % where one row in five is driven.
        """
        if self.response is None:
            return self.variance
        own, taken, _ = self.response
        return self.variance * noise_share(own, taken, transfer, evenness=_evenness(self.config))

    def correlation(self, transfer: Tensor) -> Tensor:
        """Return the correlation of the noise of any two outputs of an array, at most 0, (tiles or units,).

        A cell that draws more current takes it from the others on its word line. One number for all pairs gives the sum of
        all outputs its variance for average inputs, and within some per cent for others, too.
        """
        if self.response is None:
            return transfer.new_zeros(len(transfer))
        entries = self.entries(transfer)
        spread = entries.sum(-2)  # (tiles, cols)
        present = (spread > 0).sum(-1)
        together = (entries * self.response[2].square()).sum((-2, -1))
        pairs = spread.sqrt().sum(-1).square() - spread.sum(-1)
        found = (together - spread.sum(-1)) / torch.where((pairs > 0) & (present > 1), pairs, torch.inf)
        return torch.maximum(found.clamp(max=0), -1 / (present - 1).clamp(min=1))

    def _per_word_line(self, values: Tensor) -> Tensor:
        rows = self.config.parallel_rows
        return values if rows is None or self.driven is None else split_tile_rows(values, rows)[self.driven]


def draw_cells(conductance: Tensor, sigma: Tensor, config: CrossbarConfig) -> Tensor:
    """Return conductances drawn around their means from torch's default stream [S], those below 0 taken for 0."""
    noise = config.device.read_noise
    if noise is None:
        raise RuntimeError("`config.device.read_noise` is None: there is nothing to draw. Give the device read noise.")
    return torch.addcmul(conductance, sigma, noise.deviate(conductance)).clamp_(min=0)


def cell_noise(placement: Placement, config: CrossbarConfig, cells: ProgrammedCells, t: float) -> CellNoise | None:
    """Return the fresh read noise of cells at `t` seconds, or None."""
    conductance = conductance_at(config.device, cells, t)
    variance = read_noise_variance(config.device, conductance, cells, t)
    if variance is None:
        return None
    return CellNoise(
        config=config,
        conductance=conductance.masked_fill(~placement.present, 0),
        cells=variance.masked_fill(~placement.present, 0),
        driven=driven_of(placement, config),
    )


def _evenness(config: CrossbarConfig) -> float:
    """Return the square of the mean pulse over its mean square: of random bits, uniform codes, or either sign."""
    inputs = config.inputs
    if inputs.negative == "bipolar":
        return 0.0
    return 0.75 if inputs.negative == "offset" and inputs.cycles() == 1 else 0.5


def _responses(conductance: Tensor, config: CrossbarConfig) -> Tensor:
    """Return the parts of what noise of cells does side by side, (tiles, rows, 3 * cols)."""
    operating = operating_conductance(conductance, config)
    at_once = config.parallel_rows if config.undriven == "grounded" else None  # others are open
    own, taken, left = noise_response(operating, config.wires, at_once=at_once)
    if operating is conductance:
        return torch.cat([own, taken, left], -1)
    share = torch.where(conductance > 0, operating / conductance, 1)  # of what a cell has at the read voltage
    return torch.cat([own * share, taken * share, left], -1)
