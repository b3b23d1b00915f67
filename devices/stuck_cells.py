"""Cells that do not answer to programming."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import EllipsisType
from typing import Literal

import torch
from torch import Tensor

from devices.arguments import matches
from devices.caller_warning import warn_caller
from devices.randomness import standard_uniform
from devices.validation import FieldTypeError, FieldValueError, check_choice, check_integer, check_probability
from devices.window import Window

Fault = Literal["g_min", "g_max", "open"]
FAULTS: tuple[Fault, ...] = ("g_min", "g_max", "open")


@dataclass(frozen=True, kw_only=True)
class StuckCells:
    """Cells stuck at the bottom or the top of the window, or open (no current at all), for their whole life.

    Each cell is stuck independently with the given probabilities. The known faults of one chip are no property of the
    technology: give them as a `FaultMap` when it is programmed.

    Parameters
    ----------
    at_g_min
        Probability that a cell is stuck at `g_min`.
    at_g_max
        Probability that a cell is stuck at `g_max`.
    open
        Probability that a cell is open: conductance 0, below any window.
    given
        Deprecated, use `FaultMap`: known faults, `(fault, index)` with fault `"g_min"`, `"g_max"` or `"open"`. The
        index counts from the last axes of the conductances: `(row, column)` hits that cell in every slice, `(slice,
        row, column)` only in one.
    """

    at_g_min: float = 0.0
    at_g_max: float = 0.0
    open: float = 0.0
    given: tuple[tuple[Fault, tuple[int, ...]], ...] = ()

    def __post_init__(self) -> None:
        """Refuse probabilities and maps that cannot be."""
        for name in ("at_g_min", "at_g_max", "open"):
            check_probability(name, getattr(self, name))
        total = self.at_g_min + self.at_g_max + self.open
        if total > 1 + 1e-12:
            raise FieldValueError(f"`at_g_min + at_g_max + open` must be <= 1. Got {total!r}.", "at_g_min")
        if not matches(self.given, tuple[tuple[str, tuple[int, ...]], ...]):
            raise FieldTypeError(f"`given` must be a tuple of (fault, index). Got {self.given!r}.", "given")
        for fault, index in self.given:
            check_choice("given fault", fault, FAULTS)
            for position in index:
                check_integer("given index", position, at_least=0)
        if self.given:
            warn_caller(
                "`given` is deprecated: the known faults of a chip are given when it is programmed, "
                "`program_analog_weights(model, faults={layer: FaultMap(...)})` or `program_cells(..., faults=...)`.",
                DeprecationWarning,
            )

    def draw(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the conductance [S] each cell is stuck at, NaN where it is free, in the shape of `target` [S].

        Raises
        ------
        ValueError
            If an index of `given` lies outside `target`.
        """
        chance = standard_uniform(target, generator=generator)
        stuck = torch.full_like(target, torch.nan)
        # From both ends of [0, 1), so that raising one probability adds cells and frees none.
        stuck = torch.where(chance < self.at_g_min + self.open, torch.zeros_like(target), stuck)
        stuck = torch.where(chance < self.at_g_min, torch.full_like(target, window.g_min), stuck)
        stuck = torch.where(chance >= 1 - self.at_g_max, torch.full_like(target, window.g_max), stuck)
        values = {"g_min": window.g_min, "g_max": window.g_max, "open": 0.0}
        for fault, index in self._checked(target):
            hit: tuple[EllipsisType | int, ...] = (..., *index)
            stuck[hit] = values[fault]
        return stuck

    def _checked(self, target: Tensor) -> Iterator[tuple[Fault, tuple[int, ...]]]:
        for fault, index in self.given:
            shape = tuple(target.shape[target.ndim - len(index) :])
            if len(index) > target.ndim or any(i >= n for i, n in zip(index, shape, strict=True)):
                raise FieldValueError(
                    f"`given` index {index} must lie inside the conductances. Got cells of shape {tuple(target.shape)}.",
                    "given",
                )
            yield fault, index


def stuck_cells_from_maps(**maps: Tensor) -> StuckCells:
    """Deprecated, use `FaultMap`: return the `StuckCells` of boolean maps in the shape of the conductances.

    Raises
    ------
    ValueError
        If a name is none of these, a map is not boolean, or two maps claim the same cell.
    """
    given: dict[tuple[int, ...], Fault] = {}
    for fault in maps:
        check_choice("fault", fault, FAULTS)
    for fault in FAULTS:
        if fault not in maps:
            continue
        if maps[fault].dtype != torch.bool:
            raise ValueError(f"`{fault}` must be a boolean map. Got {maps[fault].dtype}.")
        for index in map(tuple, maps[fault].nonzero().tolist()):
            if given.setdefault(index, fault) != fault:
                raise ValueError(f"A cell can be stuck in one way only. Got {index} in `{given[index]}` and `{fault}`.")
    return StuckCells(given=tuple((fault, index) for index, fault in given.items()))
