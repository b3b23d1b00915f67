"""Which cells of one chip are faulty, as measured."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.validation import FieldTypeError, FieldValueError, check_instance
from devices.window import Window

FAULTS = ("g_min", "g_max", "open")


@dataclass(frozen=True, kw_only=True, eq=False)
class FaultMap:
    """The known faults of one array of cells: they belong to a chip, and are given when it is programmed.

    Each map is boolean and True where a cell has that fault. Its shape is that of the cells, or of their last
    dimensions: for a layer (planes, inputs, outputs), or (inputs, outputs) for faults that all planes share. None: no
    cell has that fault.

    Parameters
    ----------
    g_min
        Cells stuck at the bottom of the window.
    g_max
        Cells stuck at the top of the window.
    open
        Cells without current: conductance 0, below any window.

    Raises
    ------
    TypeError
        If a map is not a boolean tensor.
    ValueError
        If two maps do not fit each other, or claim the same cell.
    """

    g_min: Tensor | None = None
    g_max: Tensor | None = None
    open: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse maps that cannot be of one chip."""
        claimed: Tensor | None = None
        for name in FAULTS:
            given = getattr(self, name)
            check_instance(name, given, Tensor, optional=True)
            if given is None:
                continue
            if given.dtype != torch.bool:
                raise FieldTypeError(f"`{name}` must be a boolean map. Got {given.dtype}.", name)
            if claimed is not None and claimed.shape[-given.ndim :] != given.shape[-claimed.ndim :]:
                raise FieldValueError(
                    f"`{name}` must have the last dimensions of the other maps, {tuple(claimed.shape)}. Got "
                    f"{tuple(given.shape)}.",
                    name,
                )
            if claimed is not None and bool((claimed & given).any()):
                cell = (claimed & given).nonzero()[0].tolist()
                raise FieldValueError(
                    f"`{name}` must leave out the cells of the other maps: a cell can be stuck in one way only. Got "
                    f"{tuple(cell)} twice.",
                    name,
                )
            claimed = given if claimed is None else claimed | given

    def held(self, target: Tensor, window: Window) -> Tensor:
        """Return the conductance [S] each cell is stuck at, NaN where it is free, in the shape of `target` [S].

        Raises
        ------
        ValueError
            If a map has neither the shape of `target` nor that of its last dimensions.
        """
        held = torch.full_like(target, torch.nan)
        for name, value in zip(FAULTS, (window.g_min, window.g_max, 0.0), strict=True):
            given = getattr(self, name)
            if given is None:
                continue
            if given.ndim > target.ndim or given.shape != target.shape[target.ndim - given.ndim :]:
                raise FieldValueError(
                    f"`{name}` must have the shape of the cells, {tuple(target.shape)}, or of their last dimensions. "
                    f"Got {tuple(given.shape)}.",
                    name,
                )
            held = held.masked_fill(given.to(target.device), value)
        return held
