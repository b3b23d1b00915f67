"""From the arguments of a solve to what every line's ends are tied to."""

import math

import torch
from torch import Tensor

from crossbar.parasitics.ends import Ends, Terminals
from crossbar.parasitics.inputs import check_grounded, check_values


def tie_lines(
    conductance: Tensor,
    resistances: Tensor,
    near: Tensor | None,
    far: Tensor | None,
    bottom: Tensor | None,
    word_floats: Tensor | None,
    bit_floats: Tensor | None,
) -> tuple[Tensor, Terminals, Ends, torch.Size]:
    """Check and align the arguments of `solve_crossbar`, in its order, in float64.

    Returns
    -------
    tuple
        Cells `(arrays, 1, rows, cols)` [S]; the voltages at the ends of all lines; the resistances to them; and the
        dimensions of arrays and inputs, which those of the solution start with.
    """
    *batch, rows, cols = conductance.shape
    near, far = _drive(near, "voltages", batch, rows), _drive(far, "far_voltages", batch, rows)
    shape = _common_shape(near, far, batch)
    cells = conductance.double().reshape(-1, 1, rows, cols)
    size = (cells.shape[0], math.prod(shape[len(batch) :]))
    terminals = Terminals(
        _terminals(near, "voltages", shape, rows, size, cells),
        _terminals(far, "far_voltages", shape, rows, size, cells),
        _terminals(bottom, "bit_line_voltages", shape, cols, size, cells),
    )
    word_floats = _mask(word_floats, "floating_word_lines", shape, rows, size)
    bit_floats = _mask(bit_floats, "floating_bit_lines", shape, cols, size)
    if near is None and far is None:
        word_floats = torch.ones(1, 1, rows, dtype=torch.bool, device=cells.device)
    check_grounded(cells.detach(), word_floats, bit_floats)
    ends = _ends(resistances.detach(), near is not None, far is not None, word_floats, bit_floats, cells)
    return cells, terminals, ends, shape


def _drive(values: Tensor | None, name: str, batch: list[int], rows: int) -> Tensor | None:
    if values is None:
        return None
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise TypeError(f"`{name}` must be a floating-point torch.Tensor. Got {values!r:.80}.")
    if values.dim() <= len(batch) or values.shape[-1] != rows or list(values.shape[: len(batch)]) != batch:
        wanted = ", ".join(map(str, [*batch, "...", rows]))
        raise ValueError(
            f"`{name}` must have shape ({wanted}): the arrays' own dimensions, any of inputs, rows. "
            f"Got {tuple(values.shape)}."
        )
    check_values(name, values, nonnegative=False)
    return values


def _common_shape(near: Tensor | None, far: Tensor | None, batch: list[int]) -> torch.Size:
    """Return the dimensions of arrays and inputs."""
    if near is not None and far is not None and near.shape != far.shape:
        raise ValueError(
            f"`far_voltages` must have the shape of `voltages`, {tuple(near.shape)}. Got {tuple(far.shape)}."
        )
    drive = far if near is None else near
    return torch.Size(batch) if drive is None else drive.shape[:-1]


def _terminals(
    values: Tensor | None, name: str, shape: torch.Size, lines: int, size: tuple[int, int], like: Tensor
) -> Tensor:
    if values is None:
        return like.new_zeros(*size, lines)
    check_values(name, values, nonnegative=False)
    return _broadcast(values, name, shape, lines).to(like).reshape(*size, lines)


def _mask(values: Tensor | None, name: str, shape: torch.Size, lines: int, size: tuple[int, int]) -> Tensor | None:
    if values is None:
        return None
    if not isinstance(values, Tensor) or values.dtype != torch.bool:
        raise TypeError(f"`{name}` must be a boolean torch.Tensor. Got {values!r:.80}.")
    return _broadcast(values, name, shape, lines).reshape(*size, lines)


def _broadcast(values: Tensor, name: str, shape: torch.Size, lines: int) -> Tensor:
    try:
        return values.expand(*shape, lines)
    except RuntimeError:
        raise ValueError(f"`{name}` must broadcast to {(*shape, lines)}. Got {tuple(values.shape)}.") from None


def _ends(
    values: Tensor, near: bool, far: bool, word_floats: Tensor | None, bit_floats: Tensor | None, cells: Tensor
) -> Ends:
    row, column, driver, sense = values.unbind()
    if near and far and float(row + driver) == 0:
        raise ValueError("`far_voltages` needs `row` or `driver` > 0: a perfect line has one voltage, not two sources.")
    infinite = torch.full_like(row, torch.inf)
    rows, cols = cells.shape[-2:]
    left = (row + driver if near else infinite).expand(1, 1, rows)
    right = (row + driver if far else infinite).expand(1, 1, rows)
    bottom = (column + sense).expand(1, 1, cols)
    if word_floats is not None:
        left, right = (torch.where(word_floats, infinite, end) for end in (left, right))
    if bit_floats is not None:
        bottom = torch.where(bit_floats, infinite, bottom)
    return Ends(row, column, left.unsqueeze(-1), right.unsqueeze(-1), bottom.unsqueeze(-1))
