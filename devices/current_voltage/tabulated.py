"""A measured law."""

import itertools
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from devices.current_voltage.base import AbstractCurrentVoltage
from devices.validation import FieldValueError, check_increasing, check_instances, check_numbers, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class Tabulated(AbstractCurrentVoltage):
    """Currents measured at some voltages on cells of some conductances; straight lines between them.

    The curve is odd, `I(-v) = -I(v)`. A conductance below the first measured one carries the current of that one in
    proportion, so an open cell carries none, and one above the last likewise; beyond the last voltage the last slope
    goes on.

    Parameters
    ----------
    voltages
        Voltages, increasing from 0 [V], (voltages,).
    conductances
        Small-signal conductances of the measured cells, increasing, > 0 [S], (conductances,).
    currents
        Measured currents [A], (conductances, voltages): 0 at 0 V, and never falling with voltage.
    """

    voltages: tuple[float, ...]
    conductances: tuple[float, ...]
    currents: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Refuse tables that do not match, or that describe no passive cell."""
        check_increasing("voltages", self.voltages)
        if self.voltages[0] != 0:
            raise FieldValueError(
                f"`voltages` must begin with 0 V. Got {self.voltages[0]!r}; add the point (0 V, 0 A).", "voltages"
            )
        check_numbers("conductances", self.conductances, at_least=1)
        check_positive("conductances", self.conductances[0])
        if len(self.conductances) > 1:
            check_increasing("conductances", self.conductances)
        check_instances("currents", self.currents, tuple)
        if len(self.currents) != len(self.conductances):
            raise FieldValueError(
                f"`currents` must hold one row per conductance, {len(self.conductances)}. Got {len(self.currents)}.",
                "currents",
            )
        for row in self.currents:
            check_numbers("currents", row, exactly=len(self.voltages))
            if row[0] != 0 or any(right < left for left, right in itertools.pairwise(row)):
                raise FieldValueError(
                    f"`currents` must be 0 at 0 V and never fall with voltage. Got {row!r}.", "currents"
                )

    def current(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return the interpolated current [A], in the common shape."""
        left, right, start, width = self._bracket(voltage.abs())
        low = self._at(left, conductance)
        slope = (self._at(right, conductance) - low) / width
        # Written so that the gradient at 0 V is the first slope, and not that of |v|.
        return voltage * slope + voltage.sign() * (low - slope * start)

    def differential_conductance(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return the slope of the line the voltage lies on [S], in the common shape."""
        left, right, _, width = self._bracket(voltage.abs())
        return (self._at(right, conductance) - self._at(left, conductance)) / width

    def shapes(self, voltage: Tensor) -> Tensor:
        """Return the currents of the measured conductances, (conductances, ...), between which all others lie."""
        return torch.stack([self.current(voltage, voltage.new_full((), g)) for g in self.conductances])

    def _bracket(self, magnitude: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the indices of the measured voltages around each one, the first of the two and their distance [V]."""
        grid = magnitude.new_tensor(self.voltages)
        left = torch.searchsorted(grid, magnitude.detach().contiguous(), right=True) - 1
        left = left.clamp(0, len(self.voltages) - 2)
        return left, left + 1, grid[left], grid[left + 1] - grid[left]

    def _at(self, index: Tensor, conductance: Tensor) -> Tensor:
        """Return the current at measured voltage number `index` of cells of any conductance [A]."""
        grid = conductance.new_tensor((0.0, *self.conductances))
        table = conductance.new_tensor((tuple(0.0 for _ in self.voltages), *self.currents))
        row = torch.searchsorted(grid, conductance.detach().contiguous(), right=True) - 1
        row = row.clamp(0, len(self.conductances) - 1)
        share = (conductance - grid[row]) / (grid[row + 1] - grid[row])
        between = table[row, index] + (table[row + 1, index] - table[row, index]) * share
        last = table[-1][index] * (conductance / grid[-1])
        return torch.where(conductance > grid[-1], last, between)
