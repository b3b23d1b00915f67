"""What is done about faults: write the cells again, correct them digitally, or move their rows."""

from dataclasses import fields, replace
from typing import Any, Literal

import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.array.adopting import adopt_cells
from crossbar.array.programming import target_conductance
from crossbar.array.rewriting import mark_stuck, rewrite_cells
from crossbar.compensation.stuck_correction import correct_stuck_cells
from crossbar.conversion import named_analog_layers
from devices import ProgrammedCells
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import FieldValueError, check_choice, check_integer
from mapping import move_to_spare_rows

How = Literal["reprogram", "digital", "spare_rows"]


@checked
@torch.no_grad()
def repair_faults(
    model: nn.Module,
    faults: xr.Dataset,
    *,
    how: How = "reprogram",
    spare_rows: int = 2,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> None:
    """Repair the cells of weights that `find_faults` named; those of checksums are programmed anew with them.

    Parameters
    ----------
    model
        A programmed analog model.
    faults
        From `find_faults`.
    how
        Write the cells again, which stuck ones do not answer to (reprogram); take them as stuck, and add what they keep
        from their weights digitally, as `correct_stuck_cells` does (digital); or move their rows to spare word lines, whose
        cells are written (spare_rows): corrections that were fitted to the arrays are dropped then, and checksums are to
        be programmed anew.
    spare_rows
        Spare word lines of every array.
    generator
        Source of the errors of written cells.
    seed
        In place of `generator`: that of `torch.Generator().manual_seed(seed)`.

    Raises
    ------
    ValueError
        If a fault is no cell of the model, an array needs more spare word lines, or rows of arrays whose targets were
        compensated for the wires shall move.
    """
    generator = generator_of(generator, seed)
    check_choice("how", how, ("reprogram", "digital", "spare_rows"))
    check_integer("spare_rows", spare_rows, at_least=0)
    arrays = {name: layer.array for name, layer in named_analog_layers(model)}
    for name, chosen in _chosen(arrays, faults).items():
        array = arrays[name]
        if how == "reprogram":
            rewrite_cells(array, chosen, array.cells.target, generator=generator)
        elif how == "digital":
            mark_stuck(array, chosen)
        else:
            _move(name, array, chosen.any(2), spare_rows, generator)
    if how == "digital":
        correct_stuck_cells(model)


def _chosen(arrays: dict[str, CrossbarArray], faults: xr.Dataset) -> dict[str, Tensor]:
    """Return which cells are faulty, bool, (tiles, rows, cols), by layer."""
    found: dict[str, Tensor] = {}
    own = faults.isel(fault=~faults.checksum.values.astype(bool)) if faults.sizes["fault"] else faults
    for name, *cell in zip(*(own[key].values.tolist() for key in ("layer", "tile", "row", "column")), strict=True):
        if name not in arrays:
            raise FieldValueError(f"`faults` must be of this model. Got layer {name!r}.", "faults")
        used = arrays[name].placement.used
        if any(place >= size for place, size in zip(cell, used.shape, strict=True)) or not used[tuple(cell)]:
            raise FieldValueError(
                f"`faults` must be cells of this model. Got {tuple(cell)} of layer {name!r}.", "faults"
            )
        found.setdefault(name, torch.zeros_like(used))[tuple(cell)] = True
    return found


def _move(name: str, array: CrossbarArray, rows: Tensor, spare_rows: int, generator: torch.Generator | None) -> None:
    """Move rows of one layer to spare word lines and write their cells."""
    if array.signal is not None:
        raise FieldValueError(
            f"`model`: targets of layer `{name}` were compensated for the wires, for the word lines on which they lie. Use "
            "how='reprogram' or 'digital'.",
            "model",
        )
    placement, source = move_to_spare_rows(array.placement, rows, spare_rows=spare_rows)
    index = source.clamp(min=0)[:, :, None].expand(-1, -1, placement.levels.shape[2])

    def moved(values: Tensor | None) -> Tensor | None:
        """Lay what cells carry out on the new word lines; cells on spare ones are new."""
        return None if values is None else values.gather(1, index).masked_fill((source < 0)[:, :, None], 0)

    before = array.cells
    carried: dict[str, Any] = {field.name: moved(getattr(before, field.name)) for field in fields(before)}
    first = placement.levels.shape[1] - rows.shape[1]
    new = torch.zeros_like(placement.used)
    new[:, :first] = placement.used[:, :first]
    cells = ProgrammedCells(**carried)
    if cells.stuck is not None:
        cells = replace(cells, stuck=cells.stuck & ~new)
    adopt_cells(array, placement, cells, time=float(array.time), converter_errors=array.converter_errors)
    rewrite_cells(array, new, target_conductance(placement, array.config.device), generator=generator)
