"""What the wire solvers accept, and the sentences that refuse the rest."""

import torch
from torch import Tensor

from devices import Wires

RESISTANCE_NAMES = ("row", "column", "driver", "sense")


def check_conductance(conductance: Tensor) -> None:
    """Raise unless `conductance` is `(..., rows, cols)`, float32 or float64, finite and >= 0.

    Raises
    ------
    TypeError
        If it is not a float32 or float64 tensor.
    ValueError
        If it has fewer than two dimensions, no cell, or a value that is negative or not finite.
    """
    if not isinstance(conductance, Tensor):
        raise TypeError(f"`conductance` must be a torch.Tensor. Got {type(conductance).__name__}.")
    if conductance.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"`conductance` must be float32 or float64. Got {conductance.dtype}. Convert it with .float().")
    if conductance.dim() < 2 or 0 in conductance.shape[-2:]:
        raise ValueError(
            f"`conductance` must have shape (..., rows, cols) with at least one cell. Got {tuple(conductance.shape)}."
        )
    check_values("conductance", conductance, hint="Use 0 S for an open cell; resistances must be inverted first.")


def check_values(name: str, values: Tensor, *, hint: str = "", nonnegative: bool = True) -> None:
    """Raise unless every entry of `values` is finite and, by default, >= 0."""
    tail = f" {hint}" if hint else ""
    values = values.detach()
    if values.numel() == 0 or values.is_meta:
        return
    low, high = torch.aminmax(values)
    if not bool(torch.isfinite(low) & torch.isfinite(high)):
        count = int((~torch.isfinite(values)).sum())
        raise ValueError(f"`{name}` must be finite. Got {count} NaN or infinite values.{tail}")
    if nonnegative and float(low) < 0:
        raise ValueError(f"`{name}` must be >= 0. Got {float(low):g}.{tail}")


def wire_resistances(wires: Wires, resistances: Tensor | None, conductance: Tensor) -> Tensor:
    """Return `(row, column, driver, sense)` in ohm as one tensor of the conductance's dtype and device.

    Parameters
    ----------
    wires
        The resistances as plain numbers.
    resistances
        Overrides `wires` where gradients with respect to the resistances are wanted: a tensor `(4,)` in the order
        row, column, driver, sense.
    """
    if not isinstance(wires, Wires):
        raise TypeError(f"`wires` must be a Wires. Got {type(wires).__name__}. Write Wires(row=5.0, column=10.0).")
    if resistances is None:
        values = [getattr(wires, name) for name in RESISTANCE_NAMES]
        return torch.tensor(values, dtype=conductance.dtype, device=conductance.device)
    if not isinstance(resistances, Tensor) or resistances.shape != (4,):
        got = tuple(resistances.shape) if isinstance(resistances, Tensor) else type(resistances).__name__
        raise ValueError(f"`resistances` must be a tensor (4,): row, column, driver, sense. Got {got}.")
    check_values("resistances", resistances, hint="Use 0 for a perfect conductor.")
    return resistances.to(conductance)


def check_grounded(cells: Tensor, word_floats: Tensor | None, bit_floats: Tensor | None) -> None:
    """Raise where closed cells do not connect every floating line, in the end, to a line that is held at a voltage.

    Parameters
    ----------
    cells
        `(arrays, 1, rows, cols)` [S].
    word_floats, bit_floats
        `(arrays, inputs, rows)` and `(arrays, inputs, cols)`, or None where none floats.
    """
    if word_floats is None and bit_floats is None:
        return
    closed = (cells > 0).to(cells.dtype)
    rows, cols = cells.shape[-2:]
    word = torch.ones_like(closed[..., 0], dtype=torch.bool) if word_floats is None else ~word_floats
    bit = torch.ones_like(closed[..., 0, :], dtype=torch.bool) if bit_floats is None else ~bit_floats
    for _ in range(rows + cols):
        reached_bit = bit | ((word.to(closed).unsqueeze(-2) @ closed).squeeze(-2) > 0)
        reached_word = word | ((closed @ reached_bit.to(closed).unsqueeze(-1)).squeeze(-1) > 0)
        done = bool((reached_word == word).all()) and bool((reached_bit == bit).all())
        word, bit = reached_word, reached_bit
        if done:
            break
    for name, reached in (("word", word), ("bit", bit)):
        if not bool(reached.all()):
            line = int((~reached).nonzero()[0, -1])
            raise ValueError(
                f"{name} line {line} floats: no closed cell leads from it to a driven or grounded line, so its "
                "voltage is undefined. Drive it, ground it, or give one of its cells a conductance > 0."
            )
